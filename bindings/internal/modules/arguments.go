package modules

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// Arguments makes the list that a program is called with. The program may change the list. A name in it is an
// error, because arguments have numbers.
func Arguments(s *vm.State, words []string) *lua.LTable {
	t := s.L.NewTable()
	for _, w := range words {
		t.Append(lua.LString(w))
	}
	named := func(c *vm.Args) {
		if _, number := c.Opt(2).(lua.LNumber); !number {
			c.Fail("it has no %s: arguments have numbers, args[1] is the first", c.Opt(2))
		}
	}
	meta := s.L.NewTable()
	meta.RawSetString("__index", s.Function("args", 0, func(c *vm.Args) ([]lua.LValue, error) {
		named(c)
		return vm.Ret(lua.LNil)
	}))
	meta.RawSetString("__newindex", s.Function("args", 0, func(c *vm.Args) ([]lua.LValue, error) {
		named(c)
		t.RawSet(c.Opt(2), c.Opt(3))
		return nil, nil
	}))
	meta.RawSetString("__metatable", lua.LString("args"))
	t.Metatable = meta
	return t
}
