package console

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// maxFrames is the number of typed lines that are remembered.
const maxFrames = 256

// frame is a line that was typed around a command, or for the framing alone.
type frame struct {
	line   string
	shown  string // the command; "" for a line of the framing
	marker marker // zero if there is none
}

// frames are the last lines that were typed. They make of what came what a person would have seen: the commands and
// their output. It is safe for concurrent use.
type frames struct {
	mu  sync.Mutex // guards all
	all []frame
}

func (f *frames) add(line, shown string, w marker) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, frame{strings.TrimRight(line, " "), shown, w})
	f.all = slices.Delete(f.all, 0, max(0, len(f.all)-maxFrames))
}

// hide returns text, which is clean, without the framing: an echo is replaced by its command, a marker is removed.
func (f *frames) hide(text string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	unwrapped := strings.NewReplacer(" \n", "", "\n", "").Replace(text)
	for _, one := range f.all {
		if one.marker != (marker{}) && strings.Contains(unwrapped, one.marker.b) {
			text = one.marker.begin().ReplaceAllString(text, "")
			text = one.marker.end().ReplaceAllString(text, "")
		}
		switch echo := wrapped(one.line); {
		case !strings.Contains(unwrapped, one.line):
		case one.shown == "": // with the prompt before it
			text = regexp.MustCompile(`(?m)^.*`+echo+`$\n?`).ReplaceAllString(text, "")
		default:
			text = regexp.MustCompile(echo).ReplaceAllLiteralString(text, one.shown)
		}
	}
	return text
}

// begin and end match the first and the second echo of a framed command, and the answer to a probe.
func (w marker) begin() *regexp.Regexp {
	if w.byUnknown {
		return regexp.MustCompile(`Unknown command.*\b` + w.word() + `[bes]\b.*\n?`)
	}
	return regexp.MustCompile(`(?m)^(?:` + w.a + `)?` + w.b + `[:.]\n?`)
}

func (w marker) end() *regexp.Regexp {
	return regexp.MustCompile(`(?:` + w.a + `)?` + w.word() + `\d+:` + w.word() + `\d+\.`)
}

// wrapped returns an expression for a typed line in the echo of a line editor, which may wrap it anywhere.
func wrapped(line string) string {
	parts := make([]string, 0, len(line))
	for _, c := range line {
		parts = append(parts, regexp.QuoteMeta(string(c)))
	}
	return strings.Join(parts, `(?: ?\n)?`)
}

// tailLines is the number of lines of the console that a failure shows.
const tailLines = 12

// lastLines returns the last lines of text that are not empty.
func lastLines(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, " \n"); line != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept[max(0, len(kept)-tailLines):], "\n")
}
