// Package policy decodes the table that a board's script returns into an engine.Policy.
//
// It owns the keys of policies: their reading, their settings for display, and the calls of a policy's functions
// by the engine. A Lua function that takes the keys of a section as options declares and reads them here. It does
// not know how scripts are found, nor which modules exist, but for the name of the default sequence, which it
// asks the script's require for.
package policy
