package lua51

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// unwanted are functions of the stock library that reach outside of the state, load code without Compile, or undo
// the sandbox.
var unwanted = []string{
	"dofile", "loadfile", "load", "loadstring", "module", "require", "collectgarbage", "newproxy", "getfenv", "setfenv", "_printregs",
	"_GOPHER_LUA_VERSION",
}

// IsHidden reports whether a global is one that only compiled code uses, such as ConcatName.
func IsHidden(name string) bool { return strings.HasPrefix(name, "(") }

// Open opens the libraries of Lua 5.1 that reach nothing outside of the state, and replaces what gopher-lua's own
// get wrong or do without bound. It sets no print and no require.
func Open(s *vm.State) {
	for _, lib := range []struct {
		name string
		open lua.LGFunction
	}{
		{lua.BaseLibName, lua.OpenBase},
		{lua.TabLibName, lua.OpenTable},
		{lua.StringLibName, lua.OpenString},
		{lua.MathLibName, lua.OpenMath},
		{lua.CoroutineLibName, lua.OpenCoroutine},
	} {
		s.L.Push(s.L.NewFunction(lib.open))
		s.L.Push(lua.LString(lib.name))
		s.L.Call(1, 0)
	}
	for _, name := range unwanted {
		s.L.SetGlobal(name, lua.LNil)
	}
	s.OpenProtected()
	s.L.SetGlobal("tonumber", s.Function("tonumber", 0, toNumber))
	s.L.SetGlobal("tostring", s.Function("tostring", 0, toString))
	s.L.SetGlobal(ConcatName, s.Function("..", 0, concatenate))
	openBase(s)
	openCoroutines(s)
	openStrings(s)
	openTables(s)
	openMath(s)
	openArithmetic(s)
	openReadOnly(s)
}
