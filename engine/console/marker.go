package console

import (
	"crypto/rand"
	"strings"
)

// marker identifies one command: a random word of 30 bits, in two halves.
type marker struct {
	a, b      string
	byUnknown bool // it is printed as an unknown command
}

// halfMarker is the length of half a marker. It is short, because every character is typed.
const halfMarker = 3

func newMarker() marker {
	var raw [2 * halfMarker]byte
	rand.Read(raw[:])
	for i := range raw {
		raw[i] = "abcdefghijklmnopqrstuvwxyz234567"[raw[i]&31]
	}
	return marker{a: string(raw[:halfMarker]), b: string(raw[halfMarker:])}
}

// begun matches the first echo of a framed command.
func (w marker) begun() Pattern {
	if w.byUnknown {
		return unknownCommand(w.a + w.b + "b")
	}
	return regexpAcrossKernelLines(w.a + w.b + ":b")
}

// echoIn reports whether text has the echo of the typed line.
func (w marker) echoIn(text string) bool {
	if w.byUnknown {
		return strings.Contains(text, w.a+w.b+"b;")
	}
	return strings.Contains(text, w.a+"'")
}

// ended matches the second echo of a framed command, with its exit code, twice.
func (w marker) ended() Pattern {
	if w.byUnknown {
		return unknownCommand(w.a + w.b + "e")
	}
	return regexpAcrossKernelLines(w.a + w.b + `:(\d+):` + w.b + `:(\d+):e`)
}

// foreignEnd matches an end marker that belongs to another command, or is garbled.
func (w marker) foreignEnd() Pattern {
	if w.byUnknown {
		return noPattern
	}
	return Regexp(w.a + `(?:(\w{3}):(\d+):(\w{3}):(\d+)|:):e`)
}

// isForeign reports whether a match of foreignEnd belongs to another command.
func (w marker) isForeign(groups []string) bool { return groups[0] == groups[2] && groups[0] != w.b }

// askEnd returns the line that prints the second echo of a framed command again.
func (w marker) askEnd() string {
	if w.byUnknown {
		return " " + w.a + w.b + "e"
	}
	return " echo '" + w.a + "'$fl:$fl:e"
}

// probe returns the line that prints answered.
func (w marker) probe() string {
	if w.byUnknown {
		return " " + w.a + w.b + "s"
	}
	return " echo '" + w.a + "''" + w.b + ":s'"
}

// answered matches what probe prints.
func (w marker) answered() Pattern {
	if w.byUnknown {
		return unknownCommand(w.a + w.b + "s")
	}
	return regexpAcrossKernelLines(w.a + w.b + ":s")
}

// abbreviate shortens a command for an error text.
func abbreviate(cmd string) string {
	cmd, _, more := strings.Cut(cmd, "\n")
	if len(cmd) > 60 {
		cmd, more = cmd[:60], true
	}
	if more {
		cmd += "…"
	}
	return "`" + cmd + "`"
}
