package bindings

import (
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/lab"
)

// unknownNames returns the names of a station's outputs or consoles that the board does not have.
func unknownNames[T any](s lab.Station, field string, given map[string]string, known map[string]T, board string) (all []lab.Problem) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, ok := known[name]; !ok {
			at := field + "." + name
			all = append(all, lab.Problem{Station: s.Name, Field: at, Err: classify.New(classify.ConfigLab, "%s: board %s has none of that name%s", at, board, among(name, known))})
		}
	}
	return all
}

// among returns the known names for an error about an unknown one.
func among[T any](name string, known map[string]T) string {
	if len(known) == 0 {
		return ": it has none"
	}
	return suggest.Name(name, slices.Collect(maps.Keys(known)))
}

// missingConnections returns the outputs and consoles that the board needs and the station does not have.
func missingConnections(s lab.Station, p *engine.Policy) (all []lab.Problem) {
	if s.Port == "" || engine.IsSimulated(s.Port) { // a simulated board has its own; those of a place are not known
		return nil
	}
	missing := func(what string) {
		all = append(all, lab.Problem{Station: s.Name, Missing: true, Err: classify.New(classify.ConfigLab, "%s is missing: board %s needs it", what, p.Name)})
	}
	for _, name := range slices.Sorted(maps.Keys(p.Outputs)) {
		if s.Outputs[name] == "" && !p.Outputs[name].Optional {
			missing("outputs." + name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Consoles)) {
		if s.Consoles[name] == "" {
			missing("consoles." + name)
		}
	}
	return all
}

// missingFiles returns the boot files that are not in the directory which the station names.
func missingFiles(s lab.Station, p *engine.Policy) (all []lab.Problem) {
	if s.Files == "" {
		return nil
	}
	report := func(format string, a ...any) {
		all = append(all, lab.Problem{Station: s.Name, Field: "files", Err: classify.New(classify.ConfigLab, format, a...)})
	}
	if st, err := os.Stat(s.Files); err != nil || !st.IsDir() {
		report("files: there is no directory %s", s.Files)
		return all
	}
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		for _, path := range []string{p.Files[name].Path, p.Files[name].Append} {
			if path == "" || filepath.IsAbs(path) || p.LoadsNoFiles {
				continue
			}
			if _, err := os.Stat(filepath.Join(s.Files, path)); err != nil {
				report("files: board %s loads %s, which is not in %s", p.Name, path, s.Files)
			}
		}
	}
	return all
}
