// Package lua51 makes gopher-lua behave as Lua 5.1 where it does not, and bounds what a script may ask of it.
//
// It owns the compiler (Compile), which rewrites the syntax tree because gopher-lua's code generator compiles
// ordinary code wrong, and the language's library (Open): strings, patterns, numbers, tables, coroutines. Random
// programs that also run in lua5.1, and the test suite of Lua 5.1 in package bindings, hold it to the language.
//
// It knows gopher-lua and package vm. It does not know modules, policies, boards or the engine.
package lua51
