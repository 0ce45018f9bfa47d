package console

import (
	"bytes"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// capture collects the stream from the Enter of a command on.
type capture struct {
	c    *Console
	d    Dialect
	word word
	line func(string) error

	since  time.Duration // the kernel's clock then, if it is known
	before []byte        // what came until then

	buf  []byte
	over bool // more came than a result may hold; the end is kept, for the marker lies there
	gap  bool // the port was away in between

	asked  int    // where the board was first asked for the exit code; 0: it was not
	from   int    // where the output begins, behind the line of the first marker; 0: not seen
	told   int    // up to where lines were told
	rest   string // of an unfinished line that was told up to its middle
	theirs []byte // the kernel's lines that were not
}

var errOverflow = classify.New(classify.ConsoleLong, "a command printed more than %d MiB", maxOutput>>20)

func (g *capture) add(p []byte) {
	if len(g.buf)+len(p) > maxOutput+window {
		g.over = true
		g.buf = append(g.buf[:0], g.buf[max(0, len(g.buf)-lineReach):]...)
		g.from, g.told, g.asked = 0, 0, 0
	}
	g.buf = append(g.buf, p...)
}

func (c *Console) collect(d Dialect, w word, line func(string) error) *capture {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := &capture{c: c, d: d, word: w, line: line}
	if !d.Booted.IsZero() {
		g.since, g.before = c.clk.Now().Sub(d.Booted), bytes.Clone(c.hist)
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
	running  state = iota
	pressed        // nothing came since Enter: it was lost
	atPrompt       // the prompt is back, or what came is not known
)

func (g *capture) state() state {
	g.c.mu.Lock()
	defer g.c.mu.Unlock()
	switch {
	case len(tokens(g.buf[max(0, len(g.buf)-lineReach):])) == 0 && !g.gap:
		return pressed
	case g.gap && g.asked == 0, g.d.atPrompt(g.buf[max(0, len(g.buf)-lineReach):], g.c.prompt):
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

// begin finds the line of the first marker.
func (g *capture) begin() bool {
	if g.from > 0 {
		return true
	}
	head := g.buf[:min(len(g.buf), beginReach)]
	m := g.word.begun().find(head, 0)
	if m == nil {
		return false
	}
	typed := strings.ReplaceAll(text(tokens(head[:m[0]])), "\n", "")
	if !g.c.heard && !strings.Contains(typed, g.word.a+"'") {
		g.c.mute = true // the line runs, and nobody echoed it
	}
	for row := m[1]; ; {
		nl := bytes.IndexByte(g.buf[row:], '\n')
		if nl < 0 {
			return false
		}
		end := row + nl + 1
		if kernelLines(g.buf[row:end]) == nil {
			g.from, g.told = end, end
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
	g.begin()
	out := g.buf[g.from:]
	switch {
	case g.asked > g.from:
		out = g.cut(g.buf[g.from:g.asked])
	case end != "":
		out, _, _ = bytes.Cut(out, []byte(end))
	}
	clean := func(out []byte) string { return strings.TrimSuffix(Clean(string(out)), "\n") }
	theirs := g.foreign(out, new([]byte))
	if theirs == nil {
		return clean(out), ""
	}
	return clean(without(out, theirs)), clean(out)
}

// cut takes the prompt from the end of out, and what is left of a garbled marker before it.
func (g *capture) cut(out []byte) []byte {
	out = bytes.TrimRight(out[:bytes.LastIndexByte(out, '\n')+1], "\r\n")
	row := bytes.LastIndexByte(out, '\n') + 1
	if i := bytes.Index(out[row:], []byte(g.word.a)); i >= 0 {
		return out[:row+i]
	}
	if i := bytes.Index(out[row:], []byte(g.word.b)); i >= 0 {
		return out[:row+max(0, i-len(g.word.a))]
	}
	return out[:row]
}

// each tells the lines that are complete by now, and at last the one that is not.
func (g *capture) each(last bool) error {
	g.c.mu.Lock()
	if g.over {
		g.c.mu.Unlock()
		return errOverflow
	}
	if !g.begin() {
		g.c.mu.Unlock()
		return nil
	}
	to := g.told + bytes.LastIndexByte(g.buf[g.told:], '\n') + 1
	if m := g.word.ended().find(g.buf[g.told:], 0); m != nil {
		to = g.told + m[0]
	} else if i := bytes.LastIndex(g.buf[g.told:to], []byte(g.word.a)); i >= 0 {
		to = g.told + i // the end of the command, or what is left of it
	}
	part := bytes.Clone(g.buf[g.told:to])
	g.told = to
	if g.d.Loud {
		part = without(part, g.foreign(part, &g.theirs))
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
