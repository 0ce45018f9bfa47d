// Package bindings loads Lua scripts and runs them for the engine. A script is a board's policy or a program.
//
// Load returns a policy for engine.Engine.Run; Inspect returns a script with its settings, or a program to run;
// Check finds mistakes without a board. Options adds Lua modules of the embedding program, and reads scripts
// from an fs.FS.
//
// It owns what scripts find: the modules, the objects and their options. Errors cross between Lua and Go
// unchanged. It knows the engine and not the command line. The reading of a policy's table is in internal/policy,
// the Lua state and its limits are in internal/vm, the language and its library in internal/lua51. Nothing may
// reach a Lua state but through lua51.Compile and vm.State.Call.
package bindings
