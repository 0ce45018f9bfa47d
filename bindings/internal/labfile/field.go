package labfile

import (
	"errors"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine/lab"
)

// list is the kind of the field tags.
const list option.Kind = "string[]"

// field is a field of a station.
type field struct {
	option.Option
	assign func(s *lab.Station, value any) // a string, a map[string]string or a []string
}

func text(name string, to func(*lab.Station) *string) field {
	return field{option.Option{Name: name, Kind: option.String}, func(s *lab.Station, v any) { *to(s) = v.(string) }}
}

func texts(name string, kind option.Kind, to func(*lab.Station) *map[string]string) field {
	return field{option.Option{Name: name, Kind: kind}, func(s *lab.Station, v any) { *to(s) = v.(map[string]string) }}
}

// fields are the fields of a station in a lab file, in the order of docs/lab.md.
var fields = []field{
	text("board", func(s *lab.Station) *string { return &s.Board }),
	text("port", func(s *lab.Station) *string { return &s.Port }),
	text("power", func(s *lab.Station) *string { return &s.Power }),
	text("labgrid", func(s *lab.Station) *string { return &s.Labgrid }),
	texts("outputs", option.Texts, func(s *lab.Station) *map[string]string { return &s.Outputs }),
	texts("consoles", option.Texts, func(s *lab.Station) *map[string]string { return &s.Consoles }),
	text("files", func(s *lab.Station) *string { return &s.Files }),
	text("target", func(s *lab.Station) *string { return &s.Target }),
	text("variant", func(s *lab.Station) *string { return &s.Variant }),
	texts("args", option.Values, func(s *lab.Station) *map[string]string { return &s.Args }),
	texts("set", option.Values, func(s *lab.Station) *map[string]string { return &s.Set }),
	{option.Option{Name: "tags", Kind: list}, func(s *lab.Station, v any) { s.Tags = v.([]string) }},
	text("note", func(s *lab.Station) *string { return &s.Note }),
	text("off", func(s *lab.Station) *string { return &s.Off }),
}

// Fields returns the names and the kinds of a station's fields.
func Fields() (all []option.Option) {
	for _, f := range fields {
		all = append(all, f.Option)
	}
	return all
}

// value returns the value of a field. The error completes "NAME …".
func (f field) value(v lua.LValue) (any, error) {
	if f.Kind == list {
		return words(v)
	}
	value, err := luaoption.Value(f.Kind, v)
	if text, ok := value.(string); ok && err == nil && text == "" {
		return nil, errors.New("must not be empty: leave it out")
	}
	return value, err
}

// words reads a list of texts.
func words(v lua.LValue) ([]string, error) {
	wrong := errors.New(`must be a list of texts, { "a", "b" }`)
	t, ok := vm.TableIn(v)
	if !ok {
		return nil, wrong
	}
	var all []string
	for i := range t.Len() {
		text, ok := t.RawGetInt(i + 1).(lua.LString)
		if !ok {
			return nil, wrong
		}
		all = append(all, string(text))
	}
	n := 0
	t.ForEach(func(lua.LValue, lua.LValue) { n++ })
	if n != len(all) {
		return nil, wrong
	}
	return slices.Clip(all), nil
}
