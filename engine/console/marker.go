package console

import (
	"math/rand/v2"
	"strings"
)

// marker identifies one command: a random word of 28 bits, in two halves. It has no digits: an exit code follows it.
type marker struct {
	a, b      string
	byUnknown bool // it is printed as an unknown command
}

// halfMarker is the length of half a marker. It is short, because every character is typed.
const halfMarker = 3

func newMarker() marker {
	var raw [2 * halfMarker]byte
	for i := range raw {
		raw[i] = 'a' + byte(rand.IntN(26))
	}
	return marker{a: string(raw[:halfMarker]), b: string(raw[halfMarker:])}
}

// word returns the whole marker.
func (w marker) word() string { return w.a + w.b }

// begun matches the first echo of a framed command.
func (w marker) begun() Pattern {
	if w.byUnknown {
		return unknownCommand(w.word() + "b")
	}
	return regexpAcrossKernelLines(w.b + ":")
}

// quotedBegin returns begun as a word of a shell that does not match begun itself.
func (w marker) quotedBegin() string { return w.b[:1] + "'" + w.b[1:] + ":'" }

// echoIn reports whether text has the echo of the typed line.
func (w marker) echoIn(text string) bool {
	if w.byUnknown {
		return strings.Contains(text, w.word()+"b;")
	}
	return strings.Contains(text, w.word())
}

// ended matches the second echo of a framed command, with its exit code, twice.
func (w marker) ended() Pattern {
	if w.byUnknown {
		return unknownCommand(w.word() + "e")
	}
	return regexpAcrossKernelLines(w.word() + `(\d+):` + w.word() + `(\d+)\.`)
}

// foreignEnd matches an end marker that belongs to another command, or is garbled.
func (w marker) foreignEnd() Pattern {
	if w.byUnknown {
		return noPattern
	}
	return Regexp(w.a + `(?:(\w{6})(\d+):(\w{6})(\d+)|:)\.`)
}

// isForeign reports whether a match of foreignEnd belongs to another command.
func (w marker) isForeign(groups []string) bool {
	return groups[0] == groups[2] && groups[0] != w.word()
}

// askEnd returns the line that prints the second echo of a framed command again.
func (w marker) askEnd() string {
	if w.byUnknown {
		return " " + w.word() + "e"
	}
	return ` echo "` + w.a + `$fl:$fl."`
}

// probe returns the line that prints answered.
func (w marker) probe() string {
	if w.byUnknown {
		return " " + w.word() + "s"
	}
	return " echo " + w.a + "'" + w.b + ".'"
}

// answered matches what probe prints.
func (w marker) answered() Pattern {
	if w.byUnknown {
		return unknownCommand(w.word() + "s")
	}
	return regexpAcrossKernelLines(w.word() + `\.`)
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
