// Package bindings is the Lua host: it loads scripts, runs them inside limits, gives them flashlua's objects, and carries
// errors over the border in both directions without losing anything.
//
// It knows the engine and not the command line. The Lua state and its limits are in internal/vm, the language and its
// library in internal/lua51; gopher-lua is imported by these three packages alone. Nothing may reach a Lua state but
// through lua51.Compile and vm.State.Call.
package bindings
