package power

import (
	"regexp"
	"strings"
)

// The states of a board's power.
const (
	on  = "on"
	off = "off"
)

// placeholder matches {A|B}. It does not match what a shell or JSON puts into braces: a blank after the brace,
// quotes, further braces.
var placeholder = regexp.MustCompile(`\{((?:[^\s{}|"'][^{}|"']*)?)\|([^{}|"']*)\}`)

// expand replaces the placeholders of a specification for a state: {} by on or off, {A|B} by A for on and B for
// off.
func expand(text, state string) string {
	choice := "$1"
	if state == off {
		choice = "$2"
	}
	return strings.ReplaceAll(placeholder.ReplaceAllString(text, choice), "{}", state)
}

// hasPlaceholder reports whether a specification differs between on and off.
func hasPlaceholder(text string) bool { return expand(text, on) != expand(text, off) }
