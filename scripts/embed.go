// Package scripts embeds the Lua files that come with flashlua: boards and their libraries.
package scripts

import "embed"

// FS contains boards/NAME.lua and lib/NAME.lua.
//
//go:embed boards/*.lua lib/*.lua
var FS embed.FS

// Stub declares the modules and objects of scripts for editors. TestStubIsTrue compares it with the program.
//
//go:embed meta/flashlua.lua
var Stub string
