package vm

import (
	"context"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/classify"
)

// Builtin is a function of ours as Lua sees it. An error is raised as an error object.
type Builtin func(c *Args) ([]lua.LValue, error)

// Ret returns one result.
func Ret(v lua.LValue) ([]lua.LValue, error) { return []lua.LValue{v}, nil }

// Function makes f callable from Lua. It is the one way from Lua into Go: a cancelled context and an earlier panic
// are raised again on every call, and a panic of f is kept in the state, so that no pcall can hide it.
func (s *State) Function(name string, skip int, f Builtin) *lua.LFunction {
	return s.L.NewFunction(func(L *lua.LState) int {
		c := &Args{State: s, L: L, Ctx: Context(L), Name: name, Skip: skip}
		results, err := s.invoke(c, f)
		if err != nil {
			s.Raise(L, err)
		}
		bytes := 0
		for _, v := range results {
			if s, ok := v.(lua.LString); ok {
				bytes += len(s)
			}
			L.Push(v)
		}
		s.Watchdog.Work(len(results), bytes)
		return len(results)
	})
}

// Poison makes the state unusable because of a bug: every call returns the error, whatever the script catches. It
// returns the error.
func (s *State) Poison(bug error) error {
	s.bug = bug
	return bug
}

func (s *State) invoke(c *Args, f Builtin) (results []lua.LValue, err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case *lua.ApiError:
			panic(v) // an error of Lua on its way to a protected call
		case refusal:
			err = v.err
		default:
			err = s.Poison(classify.Wrap(classify.FromPanic(v), "", "in %s", c.Name))
		}
	}()
	if s.bug != nil {
		return nil, s.bug
	}
	if cause := context.Cause(c.Ctx); cause != nil {
		return nil, cause
	}
	return f(c)
}
