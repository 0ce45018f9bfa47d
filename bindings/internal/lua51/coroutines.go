package lua51

import (
	"slices"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
)

// MaxCoroutines bounds how many coroutines a script makes, because each has a stack of its own.
const MaxCoroutines = 10_000

const (
	notSuspended = "cannot resume non-suspended coroutine"
	isDead       = "cannot resume dead coroutine"
	noYield      = "attempt to yield across metamethod/C-call boundary"
)

// yieldInLua calls yield in a Lua function of its own. If a script calls the stock function directly, and resume
// passes fewer values than the script assigns, the rest keeps what was in the registers.
var yieldInLua = sync.OnceValue(func() *lua.FunctionProto {
	c, err := Compile("coroutine.yield", []byte("local yield = ... return function(...) return yield(...) end"))
	if err != nil {
		panic(err)
	}
	return c.Proto
})

// coroutines counts the coroutines of a state, and runs each under the context of the thread that resumes it, not
// of the one that made it.
type coroutines struct {
	state                *vm.State
	create, resume, wrap lua.LGFunction // of the stock library

	made    int
	running []*lua.LState // the resumed ones, the innermost last
}

// openCoroutines replaces the functions of the library coroutine.
func openCoroutines(s *vm.State) {
	stock := func(name string) lua.LGFunction { return s.Stock("coroutine", name).GFunction }
	c := &coroutines{state: s, create: stock("create"), resume: stock("resume"), wrap: stock("wrap")}
	lib := s.L.GetGlobal("coroutine").(*lua.LTable)
	s.L.Push(s.L.NewFunctionFromProto(yieldInLua()))
	s.L.Push(s.L.NewFunction(luaYield))
	s.L.Call(1, 1)
	lib.RawSetString("yield", s.L.Get(-1))
	s.L.Pop(1)
	lib.RawSetString("create", s.L.NewFunction(c.luaCreate))
	lib.RawSetString("resume", s.L.NewFunction(c.luaResume))
	lib.RawSetString("wrap", s.L.NewFunction(c.luaWrap))
	lib.RawSetString("running", s.L.NewFunction(c.luaRunning))
}

// luaYield is called by yieldInLua. The stock function suspends a coroutine also if it cannot go on later.
func luaYield(L *lua.LState) int {
	if !vm.MayYield(L) {
		L.Error(lua.LString(strings.TrimSpace(L.Where(2)+" "+noYield)), 0)
	}
	return -1
}

// luaRunning is coroutine.running. Outside of every coroutine it returns nil.
func (c *coroutines) luaRunning(L *lua.LState) int {
	if n := len(c.running); n > 0 {
		L.Push(c.running[n-1])
	} else {
		L.Push(lua.LNil)
	}
	return 1
}

// count counts a coroutine that L is about to make.
func (c *coroutines) count(L *lua.LState) {
	if c.made++; c.made > MaxCoroutines {
		c.state.Raise(L, classify.New(classify.ScriptLimit, "more than %d coroutines", MaxCoroutines))
	}
	c.state.Watchdog.Work(0, vm.ThreadSize(L))
}

// enter must be called before L resumes th, and leave after it.
func (c *coroutines) enter(L, th *lua.LState) (leave func()) {
	if len(c.running) >= vm.MaxDepth {
		c.state.Raise(L, classify.New(classify.ScriptLimit, "more than %d coroutines inside each other", vm.MaxDepth))
	}
	vm.ShareContext(th, L)
	before := L.G.CurrentThread // after an error, the stock functions leave th there
	c.running = append(c.running, th)
	return func() {
		c.running, L.G.CurrentThread = c.running[:len(c.running)-1], before
	}
}

func (c *coroutines) luaCreate(L *lua.LState) int {
	c.count(L)
	return c.create(L)
}

func (c *coroutines) luaResume(L *lua.LState) int {
	th := L.CheckThread(1)
	if slices.Contains(c.running, th) {
		L.Push(lua.LFalse)
		L.Push(lua.LString(notSuspended))
		return 2
	}
	if th.Dead {
		L.Push(lua.LFalse)
		L.Push(lua.LString(isDead))
		return 2
	}
	defer c.enter(L, th)()
	n := c.resume(L)
	if n == 2 && L.Get(-2) == lua.LFalse && th.Dead {
		c.state.Resumed(L, L.Get(-1))
	}
	return n
}

func (c *coroutines) luaWrap(L *lua.LState) int {
	c.count(L)
	c.wrap(L)
	inner := L.Get(-1).(*lua.LFunction)
	th := inner.Upvalues[0].Value().(*lua.LState)
	L.Push(L.NewClosure(func(L *lua.LState) int {
		if slices.Contains(c.running, th) {
			L.RaiseError(notSuspended)
		}
		if th.Dead {
			L.RaiseError(isDead)
		}
		defer c.enter(L, th)()
		return inner.GFunction(L)
	}, th))
	return 1
}
