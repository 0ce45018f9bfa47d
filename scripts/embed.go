// Package scripts holds the Lua that comes with flashlua: boards and the libraries that they share.
package scripts

import "embed"

// FS has boards/NAME.lua and lib/NAME.lua.
//
//go:embed boards/*.lua lib/*.lua
var FS embed.FS

// Stub declares what scripts find, for editors; a test holds it true.
//
//go:embed meta/flashlua.lua
var Stub string
