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

// choice is {A|B}. What a shell or JSON puts into braces is none: a blank after the brace, quotes, further braces.
var choice = regexp.MustCompile(`\{((?:[^\s{}|"'][^{}|"']*)?)\|([^{}|"']*)\}`)

// fill puts a state into a specification: {} becomes on or off, {A|B} becomes A for on and B for off.
func fill(text, state string) string {
	take := "$1"
	if state == off {
		take = "$2"
	}
	return strings.ReplaceAll(choice.ReplaceAllString(text, take), "{}", state)
}

// switches reports whether a specification says different things for on and off.
func switches(text string) bool { return fill(text, on) != fill(text, off) }
