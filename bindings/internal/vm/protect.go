package vm

import (
	"context"

	lua "github.com/yuin/gopher-lua"
)

// errorCost is the cost of making, raising and catching an error, in steps.
const errorCost = 500

// OpenProtected sets Lua's pcall, xpcall, error and assert, by Call and with Go errors kept.
func (s *State) OpenProtected() {
	for name, f := range map[string]Builtin{"pcall": luaPCall, "xpcall": luaXPCall, "error": luaError, "assert": luaAssert} {
		s.L.SetGlobal(name, s.Function(name, 0, f))
	}
}

func luaPCall(c *Args) ([]lua.LValue, error) {
	s, f, rest := c.State, c.Any(1, "function"), c.Rest(2)
	defer s.threads.catch(c.L)()
	results, err := s.Call(c.Ctx, f, rest...)
	if err != nil {
		c.Watchdog().Work(errorCost, 0)
		return s.caught(c.Ctx, err)
	}
	return append([]lua.LValue{lua.LTrue}, results...), nil
}

func luaXPCall(c *Args) ([]lua.LValue, error) {
	s, f, handler := c.State, c.Any(1, "function"), c.Any(2, "handler")
	defer s.threads.catch(c.L)()
	results, err := s.Call(c.Ctx, f)
	if err == nil {
		return append([]lua.LValue{lua.LTrue}, results...), nil
	}
	c.Watchdog().Work(errorCost, 0)
	caught, err := s.caught(c.Ctx, err)
	if err != nil {
		return nil, err
	}
	handled, err := s.Call(c.Ctx, handler, caught[1])
	if err != nil {
		return s.caught(c.Ctx, err)
	}
	return []lua.LValue{lua.LFalse, append(handled, lua.LNil)[0]}, nil
}

// caught returns the results of a pcall that caught err, or err itself if no script may catch it.
func (s *State) caught(ctx context.Context, err error) ([]lua.LValue, error) {
	if s.IsUncatchable(ctx, err) {
		return nil, err
	}
	return []lua.LValue{lua.LFalse, s.toLua(err)}, nil
}

// Resumed takes the value v that coroutine.resume caught in L. If no script may catch v, Resumed raises it again. If
// v is the text of a fault of the code, Resumed remembers that.
func (s *State) Resumed(L *lua.LState, v lua.LValue) {
	err := GoError(v)
	if text, ok := v.(lua.LString); ok && s.raised.isFault(string(text)) {
		err = s.raised.newFault(string(text), "")
	}
	if err != nil && s.IsUncatchable(Context(L), err) {
		s.Raise(L, err)
	}
}

// luaError is Lua's error. A number is a text here, and gets a position. It remembers a text that it raises, so that it
// is not taken for a fault of the code. A fault that is raised again stays one.
func luaError(c *Args) ([]lua.LValue, error) {
	v, level := c.Opt(1), c.Int(2, "level", 1)
	if n, ok := v.(lua.LNumber); ok && level > 0 {
		v = lua.LString(c.State.ToString(c.Ctx, n))
	}
	if text, ok := v.(lua.LString); ok && !c.State.raised.isAgain(string(text)) {
		s := string(text)
		if level > 0 {
			if where := c.L.Where(level); where != "" {
				s = where + " " + s
			}
		}
		c.State.raised.raised = &s
		v = lua.LString(s)
	}
	c.L.Error(v, 0)
	return nil, nil
}

// luaAssert is Lua's assert. It keeps an error object, and a fault.
func luaAssert(c *Args) ([]lua.LValue, error) {
	if v := c.Any(1, "value"); lua.LVAsBool(v) {
		return c.Rest(1), nil
	}
	message := c.Opt(2)
	if message == lua.LNil {
		message = lua.LString("assertion failed!")
	}
	if text, ok := message.(lua.LString); ok && !c.State.raised.isAgain(string(text)) {
		s := string(text)
		c.State.raised.raised = &s
	}
	c.L.Error(message, 0)
	return nil, nil
}
