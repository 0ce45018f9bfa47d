package bindings

import (
	"maps"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/bindings/internal/vm"
	lua "github.com/yuin/gopher-lua"
)

// openGlobals sets the functions of Lua that reach outside of the state, as flashlua has them.
func (h *host) openGlobals() {
	h.L.SetGlobal("print", h.Function("print", 0, h.print))
	h.L.SetGlobal("require", h.Function("require", 0, h.modules.require))
}

// print tells the people who watch.
func (h *host) print(c *vm.Args) ([]lua.LValue, error) {
	h.say(h.joined(c))
	return nil, nil
}

// joined is all arguments as text.
func (h *host) joined(c *vm.Args) string {
	var words []string
	held := c.Watchdog().Draft()
	defer held.Release()
	for _, v := range c.Rest(1) {
		words = append(words, h.ToString(c.Ctx, v))
		held.Add(len(words[len(words)-1]))
	}
	return strings.Join(words, "\t")
}

// sealGlobals makes undeclared globals an error, to read and to write.
func (h *host) sealGlobals() {
	globals := h.L.Get(lua.GlobalsIndex).(*lua.LTable)
	meta := h.L.NewTable()
	refuse := func(format string) lua.LValue {
		return h.L.NewFunction(func(L *lua.LState) int {
			if v := h.resolveGlobal(globals, L.Get(2).String()); v != nil && L.GetTop() == 2 {
				L.Push(v)
				return 1
			}
			names := slices.Collect(maps.Keys(h.lazyGlobals))
			globals.ForEach(func(k, _ lua.LValue) { names = append(names, k.String()) })
			key := L.Get(2).String()
			L.RaiseError(format, key, DidYouMean(key, names))
			return 0
		})
	}
	meta.RawSetString("__index", refuse("undeclared global %q%s"))
	meta.RawSetString("__newindex", refuse("assignment to the undeclared global %q; declare it with local%.0s"))
	meta.RawSetString("__metatable", lua.LString("sealed"))
	globals.Metatable = meta
}
