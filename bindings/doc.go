// Package bindings is the Lua host: it loads scripts, runs them inside limits, gives them flashlua's objects, and carries
// errors over the border in both directions without losing anything.
//
// It owns the Lua state. It knows the engine and not the command line. It is the only importer of gopher-lua, whose stock
// compiler and protected calls give wrong results for ordinary code; rewrite.go and protect.go mend that. Nothing may
// reach a Lua state but through compile and call.
package bindings
