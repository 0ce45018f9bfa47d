package bindings

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/labfile"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/lab"
)

// Lab is a lab file: the stations of a lab. Safe for concurrent use: it never changes.
type Lab struct {
	File      string         // its path
	Inventory *lab.Inventory // its stations, without the fields that are wrong
	read      *labfile.Lab
	options   Options
}

// LoadLab loads a lab file, a Lua file that returns { stations = { ["NAME"] = { … } } }, and no policy of its
// stations. path is a file of the station host. Of the options, Set, Variant, FS and Secret are not used.
//
// The error is that of a file which is no lab file. Wrong fields of a station are no error: CheckStation and Check
// report them, so that one wrong station does not stop the others.
func LoadLab(path string, o Options) (*Lab, error) {
	src, o, err := readLab(path, o)
	if err != nil {
		return nil, err
	}
	return loadLab(src, o)
}

// readLab reads a lab file, and returns the options that are for one.
func readLab(path string, o Options) (source, Options, error) {
	o = Options{Log: o.Log, Modules: o.Modules, Allow: o.Allow}
	src, err := readSource(path, o)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = classify.New(classify.Usage, "there is no lab file %s", path)
	case err == nil && src.embedded:
		err = notALab(path, "names a board that comes with flashlua")
	case err != nil && errors.Unwrap(err) != nil:
		err = classify.Wrap(errors.Unwrap(err), classify.Usage, "cannot read the lab file %s", path)
	}
	src.lab = true
	return src, o, err
}

func loadLab(src source, o Options) (*Lab, error) {
	src.lab, src.library = true, nil
	s, err := inspect(src, o)
	if err != nil {
		return nil, err
	}
	return &Lab{src.name, lab.NewInventory(s.lab.Stations), s.lab, o}, nil
}

// notALab is the error of a script that returns something else than a lab.
func notALab(file, what string) error {
	return classify.WithHint(classify.New(classify.ConfigLab, "%s is no lab file: it %s", file, what),
		`end the file with return { stations = { ["NAME"] = { board = "…", port = "…", power = "…" } } }`)
}

// lab reads the table of a lab file.
func (h *host) lab(t *lua.LTable, src source) *labfile.Lab {
	made := func(*lua.LTable) string { return "" }
	if h.finder.tables != nil {
		made = h.finder.tables.Of
	}
	keys := h.finder.keys // the lab outlives the state
	r := labfile.Reader{File: src.name, Dir: h.finder.stationDir(), Made: made, Repeated: h.finder.repeated, Key: func(key string) string { return keys.key(src.name, key) }}
	return r.Read(t)
}

// Place returns where a station is written, "file:line", or the file alone if the line is not known.
func (l *Lab) Place(station string) string { return l.read.Place(station, "") }

// Defaults returns the values of flags that the lab file has, by name.
func (l *Lab) Defaults() map[string]string { return l.read.Defaults }

// WrongDefault returns the finding of a default that is wrong, at its place.
func (l *Lab) WrongDefault(flag, message string) Finding {
	place := l.read.DefaultPlace(flag)
	f := Finding{File: place, Line: 1, Column: 1, Message: message, Rule: "station"}
	if at := strings.LastIndexByte(place, ':'); at >= 0 {
		if n, err := strconv.Atoi(place[at+1:]); err == nil {
			f.File, f.Line = place[:at], n
		}
	}
	return f
}

// Faults returns how many faults the stations have by themselves and between them. Check finds more.
func (l *Lab) Faults() int { return len(l.read.Mistakes) + len(l.Inventory.Check()) }

// Wrong returns what is wrong with the table of a station, or with the value that has the place of a station. It
// returns nil for an unknown name.
func (l *Lab) Wrong(name string) error {
	var all []error
	for _, m := range l.read.Mistakes {
		if m.Station == name {
			all = append(all, m.Err)
		}
	}
	return errors.Join(all...)
}

// Unknown returns the error of a name that no station has, or whose station is no table.
func (l *Lab) Unknown(name string) error {
	if err := l.Wrong(name); err != nil {
		return err
	}
	near := DidYouMean(name, l.Inventory.Names())
	hint := "flashlua lab lists the stations of %s"
	if len(l.Inventory.Names()) == 0 {
		hint = "%s has no stations"
	}
	return classify.WithHint(classify.New(classify.Usage, "%s has no station %q%s", l.File, name, near), hint, l.File)
}
