package bindings

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/classify"
)

func init() { lua.MaxArrayIndex = 1 << 20 } // a larger index would allocate everything below it

// maxString bounds what one call may make.
const maxString = 16 << 20

// unwanted are functions of the stock library that reach outside, load code past compile, or undo the sandbox.
var unwanted = []string{
	"dofile", "loadfile", "load", "loadstring", "module", "require", "collectgarbage", "newproxy", "getfenv", "setfenv", "_printregs",
	"_GOPHER_LUA_VERSION",
}

// openBase opens the harmless libraries and replaces what stock gopher-lua does wrong or without bound.
func (h *Host) openBase() {
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
		h.L.Push(h.L.NewFunction(lib.open))
		h.L.Push(lua.LString(lib.name))
		h.L.Call(1, 0)
	}
	for _, name := range unwanted {
		h.L.SetGlobal(name, lua.LNil)
	}
	for name, f := range map[string]builtin{
		"pcall": h.pcall, "xpcall": h.xpcall, "error": h.luaError, "assert": h.luaAssert, "print": h.print, "require": h.modules.require,
	} {
		h.L.SetGlobal(name, h.function(name, 0, f))
	}
	str := h.L.GetGlobal("string").(*lua.LTable)
	str.RawSetString("rep", h.function("string.rep", 0, rep))
	str.RawSetString("dump", lua.LNil)
}

func rep(c *args) ([]lua.LValue, error) {
	s, n := c.str(1, "string"), max(c.intOr(2, "count", 0), 0)
	if n > 0 && len(s) > maxString/n {
		return nil, classify.New(classify.ScriptLimit, "string.rep would make more than %d MiB", maxString>>20)
	}
	return []lua.LValue{lua.LString(strings.Repeat(s, n))}, nil
}

// print tells the people who watch.
func (h *Host) print(c *args) ([]lua.LValue, error) {
	var words []string
	for _, v := range c.rest(1) {
		words = append(words, h.text(c, v))
	}
	h.log(strings.Join(words, "\t"))
	return nil, nil
}

// text is tostring.
func (h *Host) text(c *args, v lua.LValue) string {
	if err := errorIn(v); err != nil {
		return err.Error()
	}
	results, err := h.call(c.ctx, h.L.GetGlobal("tostring"), v)
	if err != nil || len(results) == 0 {
		return v.String()
	}
	return results[0].String()
}

// seal makes undeclared globals an error, to read and to write.
func (h *Host) seal() {
	globals := h.L.Get(lua.GlobalsIndex).(*lua.LTable)
	meta := h.L.NewTable()
	refuse := func(format string) lua.LValue {
		return h.L.NewFunction(func(L *lua.LState) int {
			var names []string
			globals.ForEach(func(k, _ lua.LValue) { names = append(names, k.String()) })
			key := L.Get(2).String()
			L.RaiseError(format, key, didYouMean(key, names))
			return 0
		})
	}
	meta.RawSetString("__index", refuse("undeclared global %q%s"))
	meta.RawSetString("__newindex", refuse("assignment to the undeclared global %q; declare it with local%.0s"))
	meta.RawSetString("__metatable", lua.LString("sealed"))
	globals.Metatable = meta
}
