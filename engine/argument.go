package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/bounded"
)

// ArgumentType is the type of an argument's values. Its values are constants: safe for concurrent use.
type ArgumentType string

// The types.
const (
	StringArgument   ArgumentType = "string"
	NumberArgument   ArgumentType = "number"   // a float64
	BooleanArgument  ArgumentType = "boolean"  // a bool
	DurationArgument ArgumentType = "duration" // a time.Duration from 0 to MaxDuration
)

// ArgumentTypes are all types of arguments.
var ArgumentTypes = []ArgumentType{StringArgument, NumberArgument, BooleanArgument, DurationArgument}

// Argument is a value that a policy takes from the operator: a serial number, for example. Plain data: safe for
// concurrent use while nothing changes it.
type Argument struct {
	Name     string
	Type     ArgumentType
	Required bool
	Default  any    // of Type; nil is none
	OneOf    []any  // of Type, the only values that it may have; empty: any
	Help     string // one line, for people
}

// Parse returns the value of Type that a text stands for. The error completes "argument NAME …" and does not
// contain the text.
func (a Argument) Parse(text string) (any, error) {
	v, err := a.Type.parse(text)
	if err == nil {
		err = a.Check(v)
	}
	return v, err
}

// Check returns an error, as Parse does, for a value of Type that is not in OneOf.
func (a Argument) Check(v any) error {
	if len(a.OneOf) == 0 || slices.Contains(a.OneOf, v) {
		return nil
	}
	var all []string
	for _, x := range a.OneOf {
		all = append(all, fmt.Sprint(x))
	}
	return fmt.Errorf("must be one of %s", strings.Join(all, ", "))
}

func (t ArgumentType) parse(text string) (any, error) {
	switch t {
	case NumberArgument:
		if n, err := strconv.ParseInt(text, 0, 64); err == nil {
			return float64(n), nil
		}
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return nil, errors.New("must be a number")
		}
		return f, nil
	case BooleanArgument:
		if text != "true" && text != "false" {
			return nil, errors.New("must be true or false")
		}
		return text == "true", nil
	case DurationArgument:
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 || d > MaxDuration {
			return nil, fmt.Errorf("must be a duration with its unit, 90s or 5m, and at most %s", MaxDuration)
		}
		return d, nil
	}
	return text, nil
}

// resolveArguments returns the values of the policy's arguments: those of the job, or else the defaults. The error
// names every argument that is unknown, wrong or missing.
func resolveArguments(p *Policy, j Job) (values map[string]any, err error) {
	values = map[string]any{}
	var all []error
	for _, name := range slices.Sorted(maps.Keys(j.Args)) {
		a, ok := p.Args[name]
		if !ok {
			all = append(all, unknownArgument(p, name))
			continue
		}
		v, err := a.Parse(j.Args[name])
		if err != nil {
			got := strconv.Quote(j.Args[name])
			if slices.Contains(j.SecretArgs, name) {
				got = "the secret that was given"
			}
			all = append(all, classify.New(classify.Usage, "argument %s %v, not %s", name, err, got))
			continue
		}
		values[name] = v
	}
	for _, name := range slices.Sorted(maps.Keys(p.Args)) {
		a := p.Args[name]
		switch _, given := j.Args[name]; {
		case given:
		case a.Required:
			all = append(all, missingArgument(a))
		case a.Default != nil:
			values[name] = a.Default
		}
	}
	return values, errors.Join(all...)
}

// spellings returns the texts as which a script prints a value that is no string: a number as %.14g, as an integer
// and as JSON, a duration with Go's units.
func spellings(v any) []string {
	switch v := v.(type) {
	case float64:
		return []string{
			fmt.Sprintf("%.14g", v), strconv.FormatFloat(v, 'f', 0, 64),
			strconv.FormatFloat(v, 'f', -1, 64), strconv.FormatFloat(v, 'g', -1, 64),
		}
	case time.Duration:
		return []string{v.String()}
	}
	return nil
}

func missingArgument(a Argument) error {
	text := fmt.Sprintf("argument %s is required: give --arg %[1]s=…", a.Name)
	if a.Help != "" {
		text += ", " + a.Help
	}
	return classify.New(classify.Usage, "%s", text)
}

func unknownArgument(p *Policy, name string) error {
	if len(p.Args) == 0 {
		return classify.WithHint(classify.New(classify.Usage, "board %s has no argument %q: it takes none", p.Name, name),
			`a policy declares its arguments: args = { name = { type = "string" } }`)
	}
	return classify.New(classify.Usage, "board %s has no argument %q: it has %s", p.Name, name, knownNames(name, slices.Sorted(maps.Keys(p.Args))))
}

func (r *boardRun) resolveArguments(context.Context) (err error) {
	r.args, err = resolveArguments(r.policy, r.job)
	for _, name := range r.job.SecretArgs {
		r.secrets.Add(spellings(r.args[name])...)
	}
	if len(r.args) > 0 {
		r.report.Args = maps.Clone(r.args)
	}
	for name, v := range r.report.Args {
		if text, ok := v.(string); ok {
			r.report.Args[name] = bounded.Text(masked(r.secrets, text), maxText)
		}
		if slices.Contains(r.job.SecretArgs, name) { // a number, too
			r.report.Args[name] = r.secrets.Mask(r.job.Args[name])
		}
	}
	return err
}

// Arguments are values of a policy's arguments, by name: a string, a float64, a bool or a time.Duration each. Their
// JSON form has durations as texts, "1m30s". Plain data: safe for concurrent use while nothing changes it.
type Arguments map[string]any

// String returns "NAME=VALUE, …" in the order of the names.
func (a Arguments) String() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		all = append(all, fmt.Sprintf("%s=%v", name, a[name]))
	}
	return strings.Join(all, ", ")
}

// MarshalJSON returns an object.
func (a Arguments) MarshalJSON() ([]byte, error) {
	texts := map[string]any{}
	for name, v := range a {
		if d, ok := v.(time.Duration); ok {
			v = d.String()
		}
		texts[name] = v
	}
	return json.Marshal(texts)
}

// Args returns the values of the policy's arguments that have one, by name: a string, a float64, a bool or a
// time.Duration.
func (s *Session) Args() map[string]any { return maps.Clone(s.run.args) }

// Mask returns text with stars in place of the secrets of the run.
func (s *Session) Mask(text string) string { return s.run.secrets.Mask(text) }
