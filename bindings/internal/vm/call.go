package vm

import (
	"context"
	"errors"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/classify"
)

// MaxDepth bounds protected calls inside each other, because each has a stack of its own, and likewise coroutines.
const MaxDepth = 100

// Call is the one way from Go into Lua. It runs f protected, and on a thread of its own: gopher-lua closes the
// upvalues of every frame of a thread in which it catches an error, so a caller on the same thread would lose its
// own. The error is the Go error that was raised, or a classify.Error.
func (s *State) Call(ctx context.Context, f lua.LValue, args ...lua.LValue) (results []lua.LValue, err error) {
	depth := len(s.threads.busy)
	if depth >= MaxDepth {
		return nil, classify.New(classify.ScriptLimit, "more than %d protected calls inside each other", MaxDepth)
	}
	if depth == 0 {
		var done func()
		ctx, done = s.Watchdog.watch(ctx)
		defer done()
	}
	th := s.threads.take(s.L)
	defer s.threads.put(th)
	th.SetContext(&counted{Context: ctx, watchdog: &s.Watchdog, done: ctx.Done(), th: th})
	th.Push(f)
	for _, a := range args {
		th.Push(a)
	}
	err = th.PCall(len(args), lua.MultRet, nil)
	// The order matters: a panic is a bug whatever else happened, and a pcall does not undo the end of a context.
	switch {
	case s.bug != nil:
		return nil, s.bug
	case context.Cause(ctx) != nil:
		return nil, cancelled(ctx, err)
	case err != nil:
		return nil, s.toGo(err)
	}
	for i := 1; i <= th.GetTop(); i++ {
		results = append(results, th.Get(i))
	}
	return results, nil
}

// cancelled returns the error of a call whose context ended: what a function of ours made of the cause, else the
// cause.
func cancelled(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if e := fromLua(err); e != nil && errors.Is(e, cause) {
		return e
	}
	return cause
}

// counted is the context of a thread that runs a script. gopher-lua calls Done before every instruction. Nothing
// else may call it: functions of ours get the context inside.
type counted struct {
	context.Context
	watchdog *Watchdog
	done     <-chan struct{}
	th       *lua.LState
	named    bool // the thread's Panic is panicNamed, which gopher-lua's PCall does not leave there
}

func (c *counted) Done() <-chan struct{} {
	c.watchdog.step()
	if !c.named {
		c.named, c.th.Panic = true, panicNamed
	}
	if i, ok := instructionOf(c.th); ok {
		if n := i.cost(); n > 0 {
			c.watchdog.Work(n, 0)
		}
	}
	return c.done
}

// Context returns the context of a thread for Go code, which may pass it to other goroutines.
func Context(L *lua.LState) context.Context {
	switch c := L.Context().(type) {
	case nil:
		return context.Background()
	case *counted:
		return c.Context
	default:
		return c
	}
}

// ShareContext makes the thread to run under the context of the thread from.
func ShareContext(to, from *lua.LState) {
	if c, ok := from.Context().(*counted); ok {
		to.SetContext(&counted{Context: c.Context, watchdog: c.watchdog, done: c.done, th: to})
	} else if c := from.Context(); c != nil {
		to.SetContext(c)
	}
}
