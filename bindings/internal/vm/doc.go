// Package vm runs gopher-lua inside limits and carries errors across the border between Lua and Go.
//
// It owns the Lua state: the one way into Lua (State.Call), the one way out of it (State.Function), the threads of
// protected calls, the count of the steps that a script makes and of the memory that it holds, and the conversion
// of errors. A Go error that is raised in Lua and caught again is the same Go error.
//
// It does not know the language's library, which package lua51 repairs, nor modules, policies, boards or the
// engine, but for its clock.
package vm
