package bindings

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/bindings/internal/check"
	"github.com/flashlua/flashlua/bindings/internal/policy"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/lab"
)

// CheckStation returns an error that names everything wrong with a station of the file, with its line. s is the
// station without the fields that the operator replaces: a field that is missing is no error. The errors of the
// board's own policy are not among them.
func (l *Lab) CheckStation(s lab.Station) error {
	all := []error{l.Wrong(""), l.Wrong(s.Name)}
	ofBoard, _ := newLabCheck(l).station(s)
	for _, p := range slices.Concat(s.Check(), l.Inventory.CheckConsoles(s), ofBoard) {
		if !p.Missing {
			all = append(all, l.at(p))
		}
	}
	return errors.Join(all...)
}

// at returns the error of a problem, with its place and its station.
func (l *Lab) at(p lab.Problem) error {
	f := classify.Facts(p.Err)
	return classify.WithHint(classify.New(classify.ConfigLab, "%s: station %s: %s", l.read.Place(p.Station, p.Field), p.Station, engine.RedactAddresses(p.Err.Error())), "%s", f.Hint)
}

// loadLabForCheck checks all of a lab file.
func loadLabForCheck(src source, o Options) (check.Loaded, error) {
	l, err := loadLab(src, o)
	if err != nil {
		return check.Loaded{}, err
	}
	var loaded check.Loaded
	for _, m := range l.read.Mistakes {
		loaded.Mistakes = append(loaded.Mistakes, check.Mistake{Key: m.Field, Err: m.Err, Rule: "station"})
	}
	problems := l.Inventory.Check()
	c := newLabCheck(l)
	for _, s := range l.Inventory.Select() {
		ofBoard, policyErr := c.station(s)
		if problems = append(problems, ofBoard...); policyErr != nil {
			problems = append(problems, lab.Problem{
				Station: s.Name, Field: "board",
				Err: classify.New(classify.ConfigLab, "board: %v; flashlua check %s lists every fault of it", policyErr, s.Board),
			})
		}
	}
	for _, p := range problems {
		rule := "station"
		if p.Shared {
			rule = "shared-connection"
		}
		loaded.Mistakes = append(loaded.Mistakes, check.Mistake{Key: p.Field, Err: l.at(p), Rule: rule})
	}
	return loaded, nil
}

// labCheck holds stations to the policies of their boards. One goroutine uses it.
type labCheck struct {
	lab    *Lab
	loaded map[string]loadedBoard // by the file, the variant and the settings
}

type loadedBoard struct {
	policy *engine.Policy // nil if it does not load; with faults, as much as is right
	errs   []error
}

func newLabCheck(l *Lab) *labCheck { return &labCheck{l, map[string]loadedBoard{}} }

// load loads the policy of a station, once for all stations with the same one.
func (c *labCheck) load(s lab.Station) loadedBoard {
	key := fmt.Sprintf("%q %q", s.Board, s.Variant)
	for _, name := range slices.Sorted(maps.Keys(s.Set)) {
		key += fmt.Sprintf(" %q=%q", name, s.Set[name])
	}
	b, ok := c.loaded[key]
	if !ok {
		b = c.loadAnew(s)
		c.loaded[key] = b
	}
	return b
}

func (c *labCheck) loadAnew(s lab.Station) (b loadedBoard) {
	o := Options{Set: s.Set, Variant: s.Variant, Modules: c.lab.options.Modules, Allow: c.lab.options.Allow}
	p, err := Load(s.Board, o)
	var wrong *policy.Mistakes
	if err != nil && !errors.As(err, &wrong) && s.Variant != "" { // there may be more faults than an unknown variant
		b.errs = append(b.errs, err)
		o.Variant = ""
		p, err = Load(s.Board, o)
	}
	if errors.As(err, &wrong) {
		p = wrong.Partial.Policy
	}
	if b.policy = p; err != nil && !slices.ContainsFunc(b.errs, func(first error) bool { return first.Error() == err.Error() }) {
		b.errs = append(b.errs, err)
	}
	return b
}

// station returns what does not fit between a station and the policy of its board, and the first fault of the policy
// itself.
func (c *labCheck) station(s lab.Station) (all []lab.Problem, policyErr error) {
	wrong := func(field, format string, a ...any) {
		all = append(all, lab.Problem{Station: s.Name, Field: field, Err: classify.New(classify.ConfigLab, format, a...)})
	}
	if slices.Contains(Boards(), s.Name) {
		wrong("", "a board that comes with flashlua has the same name: rename the station")
	}
	if s.Board == "" {
		return all, nil
	}
	board := c.load(s)
	for _, err := range board.errs {
		ofSettings, own := loadProblems(s, err)
		all, policyErr = append(all, ofSettings...), cmp.Or(policyErr, own)
	}
	p := board.policy
	if p == nil {
		return all, policyErr
	}
	for _, name := range slices.Sorted(maps.Keys(s.Args)) {
		a, ok := p.Args[name]
		if !ok {
			wrong("args."+name, "args.%s: board %s has no such argument%s", name, p.Name, among(name, p.Args))
		} else if err := checkArgument(a, s.Args[name]); err != nil {
			wrong("args."+name, "args.%s %v", name, err)
		}
	}
	if _, ok := p.Targets[s.Target]; !ok && s.Target != "" {
		wrong("target", "board %s has no target %q%s", p.Name, s.Target, among(s.Target, p.Targets))
	}
	all = append(all, unknownNames(s, "outputs", s.Outputs, p.Outputs, p.Name)...)
	all = append(all, unknownNames(s, "consoles", s.Consoles, p.Consoles, p.Name)...)
	all = append(all, missingConnections(s, p)...)
	return append(all, missingFiles(s, p)...), policyErr
}

// loadProblems returns what is wrong with the settings of a station whose policy does not load, or else the first
// fault of the policy itself.
func loadProblems(s lab.Station, err error) (all []lab.Problem, policyErr error) {
	report := func(field, format string, a ...any) {
		all = append(all, lab.Problem{Station: s.Name, Field: field, Err: classify.New(classify.ConfigLab, format, a...)})
	}
	var wrong *policy.Mistakes
	facts := classify.Facts(err)
	switch {
	case errors.As(err, &wrong):
		for _, m := range wrong.All {
			if text, ofSetting := strings.CutPrefix(m.Err.Error(), "--set"); ofSetting {
				_, text, _ = strings.Cut(text, ": ")
				report("set."+m.Key, "set: %s", text)
			} else if policyErr == nil {
				policyErr = m.Err
			}
		}
		return all, policyErr
	case errors.Is(err, fs.ErrNotExist):
		report("board", "board: there is no script or board %q%s", s.Board, suggest.Nearest(s.Board, Boards()))
	case facts.Kind == classify.Usage && s.Variant != "":
		report("variant", "variant: %v: %s", err, facts.Hint)
	case facts.Kind == classify.Usage || facts.Kind == classify.ScriptResult:
		report("board", "board: %v", err)
	default:
		return nil, err
	}
	return all, nil
}

// checkArgument returns an error, as Argument.Parse does, for a value that is wrong, or is no secret's name.
func checkArgument(a engine.Argument, value string) error {
	for _, scheme := range []string{"env:", "file:"} {
		if from, secret := strings.CutPrefix(value, scheme); secret {
			if from == "" {
				return fmt.Errorf("names no secret: write env:NAME or file:PATH, not %q", value)
			}
			return nil
		}
	}
	if _, err := a.Parse(value); err != nil {
		return fmt.Errorf("%w, not %q", err, value)
	}
	return nil
}
