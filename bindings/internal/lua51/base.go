package lua51

import (
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// openBase replaces functions of the base library. They are called often, and so are not builtins of package vm,
// which check the context at each call.
func openBase(s *vm.State) {
	s.L.SetGlobal("select", s.L.NewFunction(luaSelect))
	s.L.SetGlobal("rawset", s.L.NewFunction(func(L *lua.LState) int { return rawSet(s, L) }))
	for i, what := range []string{"initial value", "limit", "step"} {
		s.L.SetGlobal(ForNames[i], s.L.NewFunction(func(L *lua.LState) int { return forNumber(s, L, what) }))
	}
}

// luaSelect is Lua's select.
func luaSelect(L *lua.LState) int {
	top := L.GetTop()
	if L.Get(1) == lua.LString("#") {
		L.Push(lua.LNumber(top - 1))
		return 1
	}
	n, ok := operand(L.Get(1))
	if !ok {
		L.RaiseError("bad argument #1 to 'select' (number expected, got %s)", L.Get(1).Type())
	}
	i := toInt(n)
	if i < 0 {
		i += top
	}
	if i < 1 {
		L.RaiseError("bad argument #1 to 'select' (index out of range)")
	}
	return max(top-i, 0)
}

// rawSet is Lua's rawset.
func rawSet(s *vm.State, L *lua.LState) int {
	t, key, v := L.CheckTable(1), L.CheckAny(2), L.CheckAny(3)
	if key == lua.LNil {
		L.RaiseError("table index is nil")
	}
	if n, ok := key.(lua.LNumber); ok && math.IsNaN(float64(n)) {
		L.RaiseError("table index is NaN")
	}
	s.Watchdog.Work(vm.GapCost(t, key), 0)
	t.RawSet(key, v)
	L.Push(t)
	return 1
}

// forNumber returns a value of a numeric `for` as a number.
func forNumber(s *vm.State, L *lua.LState, what string) int {
	v := L.Get(1)
	s.Watchdog.Work(vm.TextCost(v), 0)
	n, ok := operand(v)
	if !ok {
		got := "a " + v.Type().String()
		if v == lua.LNil {
			got = "nil"
		}
		L.RaiseError("'for' %s must be a number, not %s", what, got)
	}
	L.Push(lua.LNumber(n))
	return 1
}
