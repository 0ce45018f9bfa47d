package console

import (
	"bytes"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// capture collects the stream from the Enter of a command on.
type capture struct {
	c      *Console
	d      Dialect
	marker marker
	line   func(string) error

	since  time.Duration // the kernel's clock then, if it is known
	before []byte        // what came until then

	buf  []byte
	over bool // more came than a result may hold; the end is kept, for the marker lies there
	gap  bool // the port was away in between

	asked      int    // where the board was first asked for the exit code; 0: it was not
	from       int    // where the output begins, behind the line of the first marker; 0: not seen
	delivered  int    // up to where lines were told
	rest       string // of an unfinished line that was told up to its middle
	kernelSeen []byte // the kernel's lines that were not
}

var errOverflow = classify.New(classify.ConsoleOverflow, "a command printed more than %d MiB", maxOutput>>20)

func (g *capture) add(p []byte) {
	if len(g.buf)+len(p) > maxOutput+window {
		g.over = true
		g.buf = append(g.buf[:0], g.buf[max(0, len(g.buf)-maxMatch):]...)
		g.from, g.delivered, g.asked = 0, 0, 0
	}
	g.buf = append(g.buf, p...)
}

func (c *Console) collect(d Dialect, w marker, line func(string) error) *capture {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := &capture{c: c, d: d, marker: w, line: line}
	if !d.BootTime.IsZero() {
		g.since, g.before = c.clk.Now().Sub(d.BootTime), bytes.Clone(c.buf)
	}
	c.capture = g
	return g
}

func (c *Console) endCollect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.capture = nil
}

// state is what a board that has fallen silent seems to do.
type state int

const (
	running   state = iota
	enterLost       // nothing came since Enter: it was lost
	atPrompt        // the prompt is back, or what came is not known
)

func (g *capture) state() state {
	g.c.mu.Lock()
	defer g.c.mu.Unlock()
	switch {
	case len(tokens(g.buf[max(0, len(g.buf)-maxMatch):])) == 0 && !g.gap:
		return enterLost
	case g.gap && g.asked == 0, g.d.atPrompt(g.buf[max(0, len(g.buf)-maxMatch):], g.c.prompt):
		return atPrompt
	}
	return running
}

// gapped reports whether the port was away since Enter.
func (g *capture) gapped() bool {
	g.c.mu.Lock()
	defer g.c.mu.Unlock()
	return g.gap
}

// ask notes that from here on it is not the command that prints.
func (g *capture) ask() {
	g.c.mu.Lock()
	defer g.c.mu.Unlock()
	if g.asked == 0 {
		g.asked = len(g.buf)
	}
}

// beginReach is how far behind Enter the first marker is looked for.
const beginReach = 64 << 10

// findStart finds the line of the first marker.
func (g *capture) findStart() bool {
	if g.from > 0 {
		return true
	}
	head := g.buf[:min(len(g.buf), beginReach)]
	m := g.marker.begun().find(head, 0)
	if m == nil {
		return false
	}
	typed := strings.ReplaceAll(text(tokens(head[:m[0]])), "\n", "")
	if !g.c.sawEcho && !strings.Contains(typed, g.marker.a+"'") {
		g.c.noEcho = true // the line runs, and nobody echoed it
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
		row = end // the kernel's came first
	}
}

// output is what the command printed, up to its second echo, whose text is end. Where the kernel seems to have printed
// between, all is what there was.
func (g *capture) output(end string) (own, all string) {
	g.c.mu.Lock()
	defer g.c.mu.Unlock()
	g.findStart()
	out := g.buf[g.from:]
	switch {
	case g.asked > g.from:
		out = g.trimPrompt(g.buf[g.from:g.asked])
	case end != "":
		out, _, _ = bytes.Cut(out, []byte(end))
	}
	clean := func(out []byte) string { return strings.TrimSuffix(Clean(string(out)), "\n") }
	theirs := g.kernelLinesIn(out, new([]byte))
	if theirs == nil {
		return clean(out), ""
	}
	return clean(removeLines(out, theirs)), clean(out)
}

// trimPrompt takes the prompt from the end of out, and what is left of a garbled marker before it.
func (g *capture) trimPrompt(out []byte) []byte {
	out = bytes.TrimRight(out[:bytes.LastIndexByte(out, '\n')+1], "\r\n")
	row := bytes.LastIndexByte(out, '\n') + 1
	if i := bytes.Index(out[row:], []byte(g.marker.a)); i >= 0 {
		return out[:row+i]
	}
	if i := bytes.Index(out[row:], []byte(g.marker.b)); i >= 0 {
		return out[:row+max(0, i-len(g.marker.a))]
	}
	return out[:row]
}

// deliverLines tells the lines that are complete by now, and at last the one that is not.
func (g *capture) deliverLines(last bool) error {
	g.c.mu.Lock()
	if g.over {
		g.c.mu.Unlock()
		return errOverflow
	}
	if !g.findStart() {
		g.c.mu.Unlock()
		return nil
	}
	to := g.delivered + bytes.LastIndexByte(g.buf[g.delivered:], '\n') + 1
	if m := g.marker.ended().find(g.buf[g.delivered:], 0); m != nil {
		to = g.delivered + m[0]
	} else if i := bytes.LastIndex(g.buf[g.delivered:to], []byte(g.marker.a)); i >= 0 {
		to = g.delivered + i // the end of the command, or what is left of it
	}
	part := bytes.Clone(g.buf[g.delivered:to])
	g.delivered = to
	if g.d.KernelOnConsole {
		part = removeLines(part, g.kernelLinesIn(part, &g.kernelSeen))
	}
	g.c.mu.Unlock()
	all := g.rest + Clean(string(part))
	g.rest = ""
	for line := range strings.Lines(all) {
		if !strings.HasSuffix(line, "\n") && !last {
			g.rest = line
			break
		}
		if err := g.line(strings.TrimSuffix(line, "\n")); err != nil {
			return err
		}
	}
	return nil
}
