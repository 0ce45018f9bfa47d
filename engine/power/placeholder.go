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

// placeholder is {A|B}. What a shell or JSON puts into braces is none: a blank after the brace, quotes, further braces.
var placeholder = regexp.MustCompile(`\{((?:[^\s{}|"'][^{}|"']*)?)\|([^{}|"']*)\}`)

// expand puts a state into a specification: {} becomes on or off, {A|B} becomes A for on and B for off.
func expand(text, state string) string {
	take := "$1"
	if state == off {
		take = "$2"
	}
	return strings.ReplaceAll(placeholder.ReplaceAllString(text, take), "{}", state)
}

// hasPlaceholder reports whether a specification says different things for on and off.
func hasPlaceholder(text string) bool { return expand(text, on) != expand(text, off) }
