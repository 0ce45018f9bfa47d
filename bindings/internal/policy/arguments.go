package policy

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify/suggest"
	"github.com/flashlua/flashlua/engine"
)

var argumentName = regexp.MustCompile(`^[A-Za-z_]\w*$`)

// readArguments reads the arguments that a policy takes from the operator.
func readArguments(s *section) map[string]engine.Argument {
	all := map[string]engine.Argument{}
	for _, name := range s.names() {
		t, ok := s.t.RawGetString(name).(*lua.LTable)
		_, set := s.set[s.path+name]
		switch {
		case set:
			s.used[s.path+name] = true
			s.fail(name, "is the declaration of an argument: give its value with --arg %s=…", name)
		case !argumentName.MatchString(name):
			s.fail(name, "is not a name: letters, digits and _")
		case !ok:
			s.fail(name, `must be a table, { type = "string" }`)
		default:
			all[name] = readArgument(&section{decoder: s.decoder, path: s.path + name + ".", t: t}, name)
		}
	}
	return all
}

func readArgument(s *section, name string) engine.Argument {
	a := engine.Argument{
		Name: name, Type: engine.ArgumentType(s.str("type", string(engine.StringArgument))),
		Required: s.boolean("required", false), Help: s.str("help", ""),
	}
	var types []string
	for _, t := range engine.ArgumentTypes {
		types = append(types, string(t))
	}
	if !slices.Contains(engine.ArgumentTypes, a.Type) {
		s.fail("type", "must be a type of arguments, not %q%s", a.Type, suggest.Name(string(a.Type), types))
		a.Type = ""
	}
	s.declare("one_of", option.Any)
	s.declare("default", option.Any)
	s.rejectUnused()
	if a.Type == "" || s.mistaken("args."+name+".type") {
		return a
	}
	a.OneOf = s.choices(a)
	if v := s.get("default", option.Any); v != lua.LNil {
		a.Default = s.argumentValue("default", a, v)
	}
	if a.Required && a.Default != nil {
		s.fail("default", "is never used: the argument is required")
	}
	return a
}

// choices reads the list of values that an argument may have.
func (s *section) choices(a engine.Argument) []any {
	v := s.t.RawGetString("one_of")
	if v == lua.LNil {
		return nil
	}
	t, ok := vm.TableIn(v)
	if !ok || t.Len() == 0 {
		s.fail("one_of", `must be a list of values, { "a", "b" }`)
		return nil
	}
	var all, shown []any
	t.ForEach(func(k, v lua.LValue) {
		if _, index := k.(lua.LNumber); !index {
			s.fail("one_of", "must be a list of values, without names")
			return
		}
		x := s.argumentValue("one_of", a, v)
		all, shown = append(all, x), append(shown, show(x))
	})
	s.record("one_of", shown)
	return all
}

// argumentValue returns a value that the policy has for an argument. The operator's is a text.
func (s *section) argumentValue(key string, a engine.Argument, v lua.LValue) any {
	var value any
	err := fmt.Errorf("must be a %s, not a %s", a.Type, v.Type())
	switch v := v.(type) {
	case lua.LString:
		if s.used[s.path+key] || a.Type == engine.StringArgument || a.Type == engine.DurationArgument {
			value, err = a.Parse(string(v))
		}
	case lua.LNumber:
		if a.Type == engine.NumberArgument {
			value, err = float64(v), a.Check(float64(v))
		}
	case lua.LBool:
		if a.Type == engine.BooleanArgument {
			value, err = bool(v), a.Check(bool(v))
		}
	}
	if err != nil {
		s.fail(key, "%v", err)
		return nil
	}
	if key == "default" {
		s.record(key, show(value))
	}
	return value
}

// show returns a value as a setting.
func show(v any) any {
	if d, ok := v.(time.Duration); ok {
		return d.String()
	}
	return v
}
