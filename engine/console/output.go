package console

import (
	"bytes"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// capture collects the stream from the Enter of a command on. The fields above the blank line do not change; the
// others are guarded by the stream's mu.
type capture struct {
	con     *Console
	dialect Dialect
	marker  marker
	onLine  func(string) error
	gaps    int           // the number of gaps of the port at Enter
	since   time.Duration // the kernel's clock at Enter, if it is known
	before  []byte        // what was kept of the stream at Enter, if the kernel's clock is known

	buf         []byte
	overflow    bool   // more came than a result may have; the end is kept, because it has the marker
	probedAt    int    // where the board was first asked for the exit code; 0: it was not
	from        int    // where the output begins, after the line of the first marker; 0: not found
	delivered   int    // up to where lines were delivered
	partialLine string // the beginning of a line whose end has not come
	kernelSeen  []byte // the kernel's lines, which were not delivered
}

var errOverflow = classify.New(classify.ConsoleOverflow, "a command printed more than %d MiB", maxOutput>>20)

// newCapture collects the stream of c from now on.
func newCapture(c *Console, d Dialect, w marker, onLine func(string) error) *capture {
	g := &capture{con: c, dialect: d, marker: w, onLine: onLine, gaps: c.Gaps()}
	c.stream.mu.Lock()
	defer c.stream.mu.Unlock()
	if !d.BootTime.IsZero() {
		g.since, g.before = c.clk.Now().Sub(d.BootTime), bytes.Clone(c.stream.buf)
	}
	c.stream.capture = g
	return g
}

func (s *stream) stopCapture() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.capture = nil
}

// add appends bytes that came. The caller holds the stream's mu.
func (g *capture) add(p []byte) {
	if len(g.buf)+len(p) > maxOutput+window {
		g.overflow = true
		g.buf = append(g.buf[:0], g.buf[max(0, len(g.buf)-maxMatch):]...)
		g.from, g.delivered, g.probedAt = 0, 0, 0
	}
	g.buf = append(g.buf, p...)
}

// progress is what a silent board seems to do.
type progress int

const (
	stillRunning progress = iota
	enterLost             // nothing came since Enter: it was lost
	promptBack            // the prompt is back, or output was lost
)

// progress returns what the output shows of the command.
func (g *capture) progress() progress {
	gap := g.hasGap()
	g.con.stream.mu.Lock()
	defer g.con.stream.mu.Unlock()
	end := g.buf[max(0, len(g.buf)-maxMatch):]
	switch {
	case len(tokens(end)) == 0 && !gap:
		return enterLost
	case gap && g.probedAt == 0, g.dialect.endsWithPrompt(end, g.con.typist.prompt):
		return promptBack
	}
	return stillRunning
}

// hasGap reports whether the port was lost since Enter.
func (g *capture) hasGap() bool { return g.con.Gaps() > g.gaps }

// markProbe notes that what comes from now on is not the output of the command.
func (g *capture) markProbe() {
	g.con.stream.mu.Lock()
	defer g.con.stream.mu.Unlock()
	if g.probedAt == 0 {
		g.probedAt = len(g.buf)
	}
}

// maxStart is how far after Enter the first marker is searched, in bytes.
const maxStart = 64 << 10

// findStartLocked finds the end of the line of the first marker. The caller holds the stream's mu.
func (g *capture) findStartLocked() bool {
	if g.from > 0 {
		return true
	}
	head := g.buf[:min(len(g.buf), maxStart)]
	m := g.marker.begun().find(head, 0)
	if m == nil {
		return false
	}
	typed := strings.ReplaceAll(textOf(tokens(head[:m[0]])), "\n", "")
	if t := &g.con.typist; !t.sawEcho && !g.marker.echoIn(typed) {
		t.noEcho = true // the line runs and was not echoed
	}
	for row := m[1]; ; {
		nl := bytes.IndexByte(g.buf[row:], '\n')
		if nl < 0 {
			return false
		}
		end := row + nl + 1
		if kernelLines(g.buf[row:end]) == nil {
			g.from, g.delivered = end, end
			return true
		}
		row = end // a line of the kernel came first
	}
}

// output returns what the command printed, up to its second echo, whose text is end. If there are lines that are
// taken for the kernel's, own is without them and all has them; otherwise all is "".
func (g *capture) output(end string) (own, all string) {
	g.con.stream.mu.Lock()
	defer g.con.stream.mu.Unlock()
	g.findStartLocked()
	out := g.buf[g.from:]
	switch {
	case g.probedAt > g.from:
		out = g.trimPrompt(g.buf[g.from:g.probedAt])
	case end != "":
		out, _, _ = bytes.Cut(out, []byte(end))
	}
	toText := func(out []byte) string { return strings.TrimSuffix(clean(string(out)), "\n") }
	lines := g.kernelLinesIn(out, new([]byte))
	if lines == nil {
		return toText(out), ""
	}
	return toText(removeLines(out, lines)), toText(out)
}

// trimPrompt removes the prompt from the end of out, and what is left of a garbled marker before it.
func (g *capture) trimPrompt(out []byte) []byte {
	out = bytes.TrimRight(out[:bytes.LastIndexByte(out, '\n')+1], "\r\n")
	row := bytes.LastIndexByte(out, '\n') + 1
	if i := bytes.Index(out[row:], []byte("Unknown command")); i >= 0 && g.marker.byUnknown {
		return out[:row+i]
	}
	if i := bytes.Index(out[row:], []byte(g.marker.a)); i >= 0 {
		return out[:row+i]
	}
	if i := bytes.Index(out[row:], []byte(g.marker.b)); i >= 0 {
		return out[:row+max(0, i-len(g.marker.a))]
	}
	return out[:row]
}

// deliverLines passes the complete lines to onLine, and with last set the incomplete one too.
func (g *capture) deliverLines(last bool) error {
	raw, ok, err := g.takeLines()
	if !ok || err != nil {
		return err
	}
	lines := g.partialLine + clean(string(raw))
	g.partialLine = ""
	for line := range strings.Lines(lines) {
		if !strings.HasSuffix(line, "\n") && !last {
			g.partialLine = line
			break
		}
		if err := g.onLine(strings.TrimSuffix(line, "\n")); err != nil {
			return err
		}
	}
	return nil
}

// takeLines returns the complete lines that came since the last call, without the kernel's. ok is false before the
// output begins.
func (g *capture) takeLines() (lines []byte, ok bool, err error) {
	g.con.stream.mu.Lock()
	defer g.con.stream.mu.Unlock()
	if g.overflow {
		return nil, false, errOverflow
	}
	if !g.findStartLocked() {
		return nil, false, nil
	}
	to := g.delivered + bytes.LastIndexByte(g.buf[g.delivered:], '\n') + 1
	if m := g.marker.ended().find(g.buf[g.delivered:], 0); m != nil {
		to = g.delivered + m[0]
	} else if i := bytes.LastIndex(g.buf[g.delivered:to], []byte(g.marker.a)); i >= 0 {
		to = g.delivered + i // the end marker, or what is left of it
	}
	lines = bytes.Clone(g.buf[g.delivered:to])
	g.delivered = to
	if g.dialect.KernelOnConsole {
		lines = removeLines(lines, g.kernelLinesIn(lines, &g.kernelSeen))
	}
	return lines, true, nil
}
