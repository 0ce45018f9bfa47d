// Package bindings loads Lua scripts and runs them for the engine. A script is a board's policy or a program.
//
// Load returns a policy for engine.Engine.Run; Inspect returns a script with its settings, or a program to run;
// Check finds mistakes without a board. Options adds Lua modules of the embedder, which is the Go program that uses
// the package, and reads scripts from an fs.FS.
//
// It owns the finding of scripts and of what they require, their loading, and a Lua state for each run. Errors
// cross between Lua and Go unchanged. It knows the engine and not the command line. What scripts find is in
// internal/modules, the reading of a policy's table in internal/policy, the Lua state and its limits in
// internal/vm, the language and its library in internal/lua51. Nothing may reach a Lua state but through
// lua51.Compile and vm.State.Call.
package bindings
