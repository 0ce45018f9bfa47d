package bindings

import (
	"maps"
	"slices"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/classify"
)

func init() { lua.MaxArrayIndex = 1 << 20 } // a larger index would allocate everything below it

// unwanted are functions of the stock library that reach outside, load code past compile, or undo the sandbox.
var unwanted = []string{
	"dofile", "loadfile", "load", "loadstring", "module", "require", "collectgarbage", "newproxy", "getfenv", "setfenv", "_printregs",
	"_GOPHER_LUA_VERSION",
}

// openBase opens the harmless libraries and replaces what stock gopher-lua does wrong or without bound.
func (h *host) openBase() {
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
		"tonumber": tonumber, "tostring": h.luaToString,
	} {
		h.L.SetGlobal(name, h.function(name, 0, f))
	}
	h.L.SetGlobal(concatName, h.function("..", 0, h.concatenate))
	h.openCoroutines()
	h.openStrings()
	h.openTables()
	h.openMath()
	h.openArithmetic()
	h.openClosed()
}

// maxCoroutines bounds how many a script makes; each has a stack of its own.
const maxCoroutines = 10_000

// yieldInLua takes what resume gives as it comes. Called by a script itself, stock yield leaves whatever was in the registers
// where fewer values come than it assigns.
var yieldInLua = sync.OnceValue(func() *lua.FunctionProto {
	c, err := compile("coroutine.yield", []byte("local yield = ... return function(...) return yield(...) end"))
	if err != nil {
		panic(err)
	}
	return c.proto
})

// openCoroutines makes a coroutine run under the context of whoever resumes it, not of whoever made it, and counts them.
func (h *host) openCoroutines() {
	lib := h.L.GetGlobal("coroutine").(*lua.LTable)
	stock := func(name string) lua.LGFunction { return lib.RawGetString(name).(*lua.LFunction).GFunction }
	create, resume, wrap := stock("create"), stock("resume"), stock("wrap")
	made := 0
	var running []*lua.LState // the resumed ones, the innermost last
	count := func(L *lua.LState) {
		if made++; made > maxCoroutines {
			h.raise(L, classify.New(classify.ScriptLimit, "more than %d coroutines", maxCoroutines))
		}
		h.watchdog.work(0, sizeThread+len(registers(L))*sizeValue)
	}
	enter := func(L *lua.LState, th *lua.LState) (leave func()) {
		if len(running) >= maxDepth {
			h.raise(L, classify.New(classify.ScriptLimit, "more than %d coroutines inside each other", maxDepth))
		}
		if ctx, ok := L.Context().(*counted); ok {
			th.SetContext(&counted{ctx.Context, ctx.watchdog, ctx.done, th})
		} else if ctx := L.Context(); ctx != nil {
			th.SetContext(ctx)
		}
		before := L.G.CurrentThread // stock leaves the coroutine's there if it raises
		running = append(running, th)
		return func() {
			running, L.G.CurrentThread = running[:len(running)-1], before
		}
	}
	const notSuspended = "cannot resume non-suspended coroutine"
	h.L.Push(h.L.NewFunctionFromProto(yieldInLua()))
	h.L.Push(lib.RawGetString("yield"))
	h.L.Call(1, 1)
	lib.RawSetString("yield", h.L.Get(-1))
	h.L.Pop(1)
	lib.RawSetString("create", h.L.NewFunction(func(L *lua.LState) int {
		count(L)
		return create(L)
	}))
	lib.RawSetString("resume", h.L.NewFunction(func(L *lua.LState) int {
		th := L.CheckThread(1)
		if slices.Contains(running, th) {
			L.Push(lua.LFalse)
			L.Push(lua.LString(notSuspended))
			return 2
		}
		defer enter(L, th)()
		n := resume(L)
		if n == 2 && L.Get(-2) == lua.LFalse && th.Dead {
			h.resumed(L, L.Get(-1))
		}
		return n
	}))
	lib.RawSetString("wrap", h.L.NewFunction(func(L *lua.LState) int {
		count(L)
		wrap(L)
		inner := L.Get(-1).(*lua.LFunction)
		th := inner.Upvalues[0].Value().(*lua.LState)
		L.Push(L.NewClosure(func(L *lua.LState) int {
			if slices.Contains(running, th) {
				L.RaiseError(notSuspended)
			}
			defer enter(L, th)()
			return inner.GFunction(L)
		}, th))
		return 1
	}))
}

// resumed looks at what resume caught: as with pcall, a fault stays one, and what no script may catch goes on.
func (h *host) resumed(L *lua.LState, v lua.LValue) {
	err := goError(v)
	if text, ok := v.(lua.LString); ok && h.isFault(string(text)) {
		err = h.fault(string(text), "")
	}
	if err != nil && h.isUncatchable(plain(L.Context()), err) {
		h.raise(L, err)
	}
}

// print tells the people who watch.
func (h *host) print(c *args) ([]lua.LValue, error) {
	h.say(h.joined(c))
	return nil, nil
}

// joined is all arguments as text.
func (h *host) joined(c *args) string {
	var words []string
	held := draft{watchdog: c.watchdog()}
	defer held.release()
	for _, v := range c.rest(1) {
		words = append(words, h.tostring(c, v))
		held.add(len(words[len(words)-1]))
	}
	return strings.Join(words, "\t")
}

// tostring is Lua's.
func (h *host) tostring(c *args, v lua.LValue) string {
	if err := goError(v); err != nil {
		return err.Error()
	}
	results, err := h.call(c.ctx, h.L.GetGlobal("tostring"), v)
	if err != nil || len(results) == 0 {
		return v.String()
	}
	return results[0].String()
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
