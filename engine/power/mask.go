package power

import (
	"strings"

	"github.com/flashlua/flashlua/engine/internal/web"
)

// Mask returns a specification for a record, without what may be a secret: of a command only its name, of a request
// neither user and password nor query and body. What is left out is "…". Safe for concurrent use.
func Mask(spec string) string {
	name, rest, _ := strings.Cut(spec, ":")
	shown := 1 // words
	switch name {
	case "command":
	case "http", "https":
		if words := strings.Fields(rest); len(words) > 1 && !strings.Contains(words[0], "//") {
			shown = 2 // METHOD URL
		}
	default:
		return web.Redact(spec)
	}
	words := strings.Fields(rest)
	if len(words) == 0 {
		return spec
	}
	text := strings.Join(words[:min(shown, len(words))], " ")
	if name != "command" {
		if address, _, query := strings.Cut(text, "?"); query {
			text = address + "?…"
		}
	}
	if len(words) > shown {
		text += " …"
	}
	return web.Redact(name + ":" + text)
}
