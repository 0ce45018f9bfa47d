package bindings

import "regexp"

// metaLine matches the line by which a file of LuaCATS annotations says that it declares types and is never run.
var metaLine = regexp.MustCompile(`(?m)^---@meta\b`)

// isMeta reports whether a file declares types for editors, as `flashlua stub` prints them, and is no script.
func isMeta(text []byte) bool { return metaLine.Match(text) }
