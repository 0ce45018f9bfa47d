package policy

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/engine/console"
)

// aborts reads the aborts of the whole board.
func (s *section) aborts() console.Watch {
	s.declare("aborts", option.Aborts)
	s.setAborts()
	w, err := luaoption.Aborts(s.t.RawGetString("aborts"))
	if err != nil {
		s.fail("aborts", "%v", err)
	}
	shown := []any{}
	for _, a := range w.Add {
		shown = append(shown, a.Message)
	}
	for _, name := range w.Disable {
		shown = append(shown, "not "+name)
	}
	s.record("aborts", shown)
	return w
}

// setAborts writes the operator's settings into the table of aborts: each switches a built-in abort off or on.
func (s *section) setAborts() {
	for _, name := range console.AbortNames {
		key := "aborts." + name
		v, ok := s.set[s.path+key]
		if !ok {
			continue
		}
		s.used[s.path+key] = true
		t, isTable := s.t.RawGetString("aborts").(*lua.LTable)
		if !isTable {
			t = s.reader.State.L.NewTable()
			s.t.RawSetString("aborts", t)
		}
		switch v {
		case "false":
			t.RawSetString(name, lua.LFalse)
		case "true":
			t.RawSetString(name, lua.LNil)
		default:
			s.fail(key, "must be true or false, not %q", v)
		}
	}
}
