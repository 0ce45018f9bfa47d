package bindings

import (
	"context"
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/classify"
)

// maxDepth bounds protected calls inside protected calls; each costs a stack of its own.
const maxDepth = 100

// call is the one way from Go into Lua. It runs f protected, on a thread of its own: a caught error closes the upvalues
// of every frame of its thread, those of the callers too if they shared it. The error is a Go error in full.
func (h *host) call(ctx context.Context, f lua.LValue, args ...lua.LValue) (results []lua.LValue, err error) {
	if h.depth >= maxDepth {
		return nil, classify.New(classify.ScriptLimit, "more than %d protected calls inside each other", maxDepth)
	}
	if h.depth == 0 {
		var done func()
		ctx, done = h.watchdog.watch(ctx)
		defer done()
	}
	th := h.thread(ctx)
	h.depth++
	h.busy = append(h.busy, th)
	defer func() {
		h.depth--
		h.busy = h.busy[:len(h.busy)-1]
		th.SetTop(0)
		h.freeThreads = append(h.freeThreads, th)
	}()
	th.Push(f)
	for _, a := range args {
		th.Push(a)
	}
	err = th.PCall(len(args), lua.MultRet, nil)
	// The order matters: a panic is a bug whatever came of it, and a context that ended is not undone by a pcall.
	switch {
	case h.bug != nil:
		return nil, h.bug
	case context.Cause(ctx) != nil:
		return nil, h.cancelled(ctx, err)
	case err != nil:
		return nil, h.toGo(err)
	}
	for i := 1; i <= th.GetTop(); i++ {
		results = append(results, th.Get(i))
	}
	return results, nil
}

// thread gives an idle thread, or a new one: they are costly.
func (h *host) thread(ctx context.Context) *lua.LState {
	var th *lua.LState
	if n := len(h.freeThreads); n > 0 {
		th, h.freeThreads = h.freeThreads[n-1], h.freeThreads[:n-1]
	} else {
		th, _ = h.L.NewThread() // h.L has no context, so neither has the thread
	}
	th.SetContext(&counted{ctx, &h.watchdog, ctx.Done(), th})
	return th
}

// cancelled is the error of a call whose context ended: what a binding said of it if it knows the cause, else the cause.
func (h *host) cancelled(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if e := fromLua(err); e != nil && errors.Is(e, cause) {
		return e
	}
	return cause
}

// raisedValue is a plain value that a script raised by error(): nothing is known about it.
type raisedValue struct {
	text  string
	value lua.LValue
}

func (r *raisedValue) Error() string { return r.text }

// ErrorType names the value for people.
func (r *raisedValue) ErrorType() string { return "Lua " + r.value.Type().String() }

// hintUnclassified is the hint for whoever raises a plain value.
const hintUnclassified = "nothing is known about it, so it is tried again: raise errors.fatal(…) or errors.retryable(…) to say what it means"

// toGo makes a Go error of what PCall caught: the very error if one travels in it; a fault of the Lua code; else what the
// script raised.
func (h *host) toGo(err error) error {
	if e := fromLua(err); e != nil {
		return e
	}
	var api *lua.ApiError
	if !errors.As(err, &api) {
		return classify.Wrap(err, classify.ScriptFault, "Lua")
	}
	trace := strings.TrimSpace(api.StackTrace)
	text, isText := api.Object.(lua.LString)
	if api.Type == lua.ApiErrorPanic { // the interpreter itself fell over
		h.bug = &classify.Error{Kind: classify.Internal, Msg: "panic in the Lua interpreter: " + string(text), Detail: trace}
		return h.bug
	}
	if isText && h.isFault(string(text)) {
		return h.fault(string(text), trace)
	}
	own := &classify.Error{Cause: &raisedValue{valueText(api.Object), api.Object}, Detail: trace}
	if h.clk != nil && h.program == nil { // a policy at work
		own.Hint = hintUnclassified
	}
	return own
}

// isFault reports whether a text that was caught is none that a script raised.
func (h *host) isFault(text string) bool { return h.lastRaised == nil || *h.lastRaised != text }

// fault makes an error of a fault of the Lua code, and remembers it.
func (h *host) fault(text, trace string) *classify.Error {
	h.lastFault = &text
	kind := classify.ScriptFault
	if strings.Contains(text, "stack overflow") || strings.Contains(text, "registry overflow") {
		kind = classify.ScriptLimit
	}
	return &classify.Error{Kind: kind, Msg: text, Detail: trace}
}

// fromLua gives the Go error that travels in what PCall caught, nil if there is none.
func fromLua(err error) error {
	var api *lua.ApiError
	if errors.As(err, &api) {
		return goError(api.Object)
	}
	return nil
}

// valueText is a raised value for people.
func valueText(v lua.LValue) string {
	switch x := v.(type) {
	case lua.LString:
		return string(x)
	case *lua.LTable:
		if m := x.RawGetString("message"); m != lua.LNil {
			return "a table was raised: " + m.String()
		}
		return "a table was raised"
	}
	return fmt.Sprintf("a %s was raised: %s", v.Type(), v)
}

// pcall and xpcall are Lua's, on call.

func (h *host) pcall(c *args) ([]lua.LValue, error) {
	f, rest := c.any(1, "function"), c.rest(2)
	defer h.catch(c.L)()
	results, err := h.call(c.ctx, f, rest...)
	if err != nil {
		c.watchdog().work(perError, 0)
		return h.pcallFailure(c.ctx, err)
	}
	return append([]lua.LValue{lua.LTrue}, results...), nil
}

// catch notes that L is in a pcall, until leave is called.
func (h *host) catch(L *lua.LState) (leave func()) {
	n := len(h.catching)
	h.catching = append(h.catching, L)
	return func() { h.catching = h.catching[:n] }
}

func (h *host) xpcall(c *args) ([]lua.LValue, error) {
	f, handler := c.any(1, "function"), c.any(2, "handler")
	defer h.catch(c.L)()
	results, err := h.call(c.ctx, f)
	if err == nil {
		return append([]lua.LValue{lua.LTrue}, results...), nil
	}
	c.watchdog().work(perError, 0)
	caught, err := h.pcallFailure(c.ctx, err)
	if err != nil {
		return nil, err
	}
	handled, err := h.call(c.ctx, handler, caught[1])
	if err != nil {
		return h.pcallFailure(c.ctx, err)
	}
	return append([]lua.LValue{lua.LFalse}, handled...), nil
}

// isUncatchable reports whether an error is none that a script may catch.
func (h *host) isUncatchable(ctx context.Context, err error) bool {
	return h.bug != nil || context.Cause(ctx) != nil || classify.Find(err, classify.ScriptLimit) != nil
}

// pcallFailure is what pcall answers for an error. What no script may catch goes on.
func (h *host) pcallFailure(ctx context.Context, err error) ([]lua.LValue, error) {
	if h.isUncatchable(ctx, err) {
		return nil, err
	}
	return []lua.LValue{lua.LFalse, h.luaView(err)}, nil
}

// luaView gives a caught error as Lua knows it: what was raised if that was a plain value, the text of a fault, else the
// error object.
func (h *host) luaView(err error) lua.LValue {
	if e, ok := err.(*classify.Error); ok {
		if r, ok := e.Cause.(*raisedValue); ok {
			return r.value
		}
		if e.Kind == classify.ScriptFault && e.Cause == nil {
			return lua.LString(e.Msg)
		}
	}
	return h.errorValue(err)
}

// luaError is Lua's error(). It notes what is raised, so that a fault of the code and a text that a script raised can be
// told apart; a fault that is raised again stays one.
func (h *host) luaError(c *args) ([]lua.LValue, error) {
	v, level := c.opt(1), c.intDefault(2, "level", 1)
	if text, ok := v.(lua.LString); ok {
		if h.lastFault == nil || string(text) != *h.lastFault {
			s := string(text)
			if level > 0 {
				if where := c.L.Where(level); where != "" {
					s = where + " " + s
				}
			}
			h.lastRaised = &s
			v = lua.LString(s)
		}
	}
	c.L.Error(v, 0)
	return nil, nil
}

// luaAssert is Lua's assert(), which keeps an error object, and a fault.
func (h *host) luaAssert(c *args) ([]lua.LValue, error) {
	if v := c.any(1, "value"); lua.LVAsBool(v) {
		return c.rest(1), nil
	}
	message := c.opt(2)
	if message == lua.LNil {
		message = lua.LString("assertion failed!")
	}
	if text, ok := message.(lua.LString); ok && (h.lastFault == nil || string(text) != *h.lastFault) {
		s := string(text)
		h.lastRaised = &s
	}
	c.L.Error(message, 0)
	return nil, nil
}
