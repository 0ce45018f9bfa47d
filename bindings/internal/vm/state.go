package vm

import (
	"context"

	lua "github.com/yuin/gopher-lua"
)

// State is one Lua state with its limits. One goroutine at a time uses it.
type State struct {
	L        *lua.LState
	Watchdog Watchdog

	ErrorMeta  *lua.LTable   // the metatable of error objects; may be nil
	RaisedHint func() string // returns the hint of an error that a script raised as a plain value; may be nil

	threads threads
	raised  raisedTexts
	bug     error // the first panic of a function of ours or of the interpreter; every later call returns it
}

// Sizes of a thread's stacks: calls inside each other, and registers when it is made, at most and per step of
// growth.
const (
	maxCalls         = 200
	registerCount    = 1 << 10
	maxRegisters     = 1 << 18
	registersPerStep = 1 << 12
)

func init() { lua.MaxArrayIndex = 1 << 20 } // a larger index would allocate everything below it

// New returns a state without any library.
func New() *State {
	s := &State{L: lua.NewState(lua.Options{
		SkipOpenLibs: true, CallStackSize: maxCalls, RegistrySize: registerCount, RegistryMaxSize: maxRegisters, RegistryGrowStep: registersPerStep,
	})}
	s.Watchdog.measure = s.size
	return s
}

// Stock returns a function of Lua's library as it is now.
func (s *State) Stock(library, name string) *lua.LFunction {
	return s.L.GetGlobal(library).(*lua.LTable).RawGetString(name).(*lua.LFunction)
}

// ToString returns a value as Lua's tostring does, and an error as its text.
func (s *State) ToString(ctx context.Context, v lua.LValue) string {
	if err := GoError(v); err != nil {
		return err.Error()
	}
	results, err := s.Call(ctx, s.L.GetGlobal("tostring"), v)
	if err != nil || len(results) == 0 {
		return v.String()
	}
	return results[0].String()
}
