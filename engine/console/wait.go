package console

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// Pattern is something to wait for. It lies within one line and is at most 4 KiB long.
type Pattern struct {
	text string
	re   *regexp.Regexp
	end  bool
}

// Text is a literal, found anywhere.
func Text(s string) Pattern { return Pattern{text: s} }

// Prompt is a literal that ends the stream: nothing follows it for a moment. Escape sequences and blanks behind it do
// not count.
func Prompt(s string) Pattern { return Pattern{text: s, end: true} }

// Regexp is a regular expression, matched line by line.
func Regexp(s string) Pattern { return Pattern{re: regexp.MustCompile(s)} }

func (p Pattern) String() string {
	if p.re != nil {
		return "/" + p.re.String() + "/"
	}
	return fmt.Sprintf("%q", p.text)
}

// find looks at buf, of which the bytes before fresh were looked at already. It gives the place of the first match and
// of its groups, nil if there is none.
func (p Pattern) find(buf []byte, fresh int) []int {
	switch {
	case p.end:
		end := len(buf) - trailing(buf)
		if !strings.HasSuffix(p.text, " ") {
			end = len(bytes.TrimRight(buf[:end], " "))
		}
		if p.text != "" && bytes.HasSuffix(buf[:end], []byte(p.text)) {
			return []int{end - len(p.text), end}
		}
		return nil
	case p.re == nil:
		from := max(0, fresh-len(p.text)+1)
		if i := bytes.Index(buf[from:], []byte(p.text)); i >= 0 {
			return []int{from + i, from + i + len(p.text)}
		}
		return nil
	}
	from := max(bytes.LastIndexByte(buf[:fresh], '\n')+1, fresh-lineReach)
	m := p.re.FindSubmatchIndex(buf[from:])
	for i := range m {
		if m[i] >= 0 {
			m[i] += from
		}
	}
	return m
}

// trailing gives the length of the escape sequences at the end of buf, an unfinished one included.
func trailing(buf []byte) int {
	reach := buf[max(0, len(buf)-64):]
	return len(reach) - tailEscapes.FindIndex(reach)[0]
}

var tailEscapes = regexp.MustCompile(`(?:\x1b(?:\[[0-9;?]*[ -/]*[@-~]?)?)*\z`)

// Abort is a text that means failure wherever it appears.
type Abort struct {
	Pattern Pattern
	Kind    classify.Kind
	Says    string // what it means: "the kernel panicked"
	Hint    string
}

// Wait is what to wait for, and what else may end the wait.
type Wait struct {
	What    string        // for people: "the login prompt"
	For     []Pattern     // the one that comes first in the stream wins
	Abort   []Abort       // failures to look out for
	Grace   time.Duration // an abort counts only if no match follows within this time
	Timeout time.Duration // 0: only the context ends the wait
	Stall   time.Duration // silence that ends the wait; 0: silence is fine
	Kind    classify.Kind // of the error when Timeout passes; "" means console.timeout
}

// Match is how a wait ended well.
type Match struct {
	Index  int      // into Wait.For
	Text   string   // what matched
	Groups []string // of a regular expression
}

// waiting is a wait in progress. The reader scans for it, so that no byte passes unseen.
type waiting struct {
	Wait
	start int64 // offset at which the wait began
	seen  int64 // offset up to which was looked
	match *Match
	lo    int64

	// A prompt that ends the stream so far, found when the stream was ended bytes long. It is a match once nothing
	// came for settle.
	prompt   *Match
	promptLo int64
	ended    int64
	prompted chan struct{} // of capacity one

	abort   *Abort
	aborted chan struct{}
	matched chan struct{}
}

// scan looks at the new bytes of hist, which begins at offset base, and reports whether the wait is over by a match.
func (w *waiting) scan(hist []byte, base int64) bool {
	if w.match != nil {
		return true
	}
	start := int(max(w.start-base, 0)) // what came before the wait is not searched
	buf, fresh := hist[start:], int(max(w.seen-base, 0))-start
	var best []int
	w.prompt = nil
	for i, p := range w.For {
		m := p.find(buf, fresh)
		switch {
		case m == nil:
		case p.end:
			w.prompt = &Match{Index: i, Text: string(buf[m[0]:m[1]])}
			w.promptLo, w.ended = base+int64(start+m[0]), base+int64(len(hist))
		case best == nil || m[0] < best[0]:
			best = m
			w.match = &Match{Index: i, Text: string(buf[m[0]:m[1]]), Groups: groups(buf, m)}
		}
	}
	for i := range w.Abort {
		if w.abort != nil {
			break
		}
		m := w.Abort[i].Pattern.find(buf, fresh)
		if m != nil && (best == nil || m[0] < best[0]) {
			w.abort = &w.Abort[i]
			close(w.aborted)
		}
	}
	w.seen = base + int64(len(hist))
	if w.match == nil {
		if w.prompt != nil {
			w.again()
		}
		return false
	}
	w.lo = base + int64(start+best[0])
	close(w.matched)
	return true
}

// again has a prompt looked at once more, if there is one.
func (w *waiting) again() {
	select {
	case w.prompted <- struct{}{}:
	default:
	}
}

func groups(buf []byte, m []int) []string {
	var out []string
	for i := 2; i+1 < len(m); i += 2 {
		if m[i] < 0 {
			out = append(out, "")
			continue
		}
		out = append(out, string(buf[m[i]:m[i+1]]))
	}
	return out
}

// settle is the silence that makes a prompt of what looks like one. It is more than a USB adapter's latency.
const settle = 50 * time.Millisecond

// settled makes a match of a prompt that nothing followed, or has it looked at once more.
func (c *Console) settled(x *waiting) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case x.match != nil || x.prompt == nil:
	case x.ended == c.in && c.clk.Now().Sub(c.last) >= settle:
		x.match, x.lo = x.prompt, x.promptLo
		close(x.matched)
	default:
		x.again()
	}
}

// Expect waits for one of w.For in what came since the last match.
func (c *Console) Expect(ctx context.Context, w Wait) (Match, error) {
	began := c.clk.Now()
	x := &waiting{Wait: w, aborted: make(chan struct{}), matched: make(chan struct{}), prompted: make(chan struct{}, 1)}
	c.mu.Lock()
	x.start, x.seen = c.pos, c.pos
	c.wait = x
	if len(c.hist) > 0 {
		x.scan(c.hist, c.base)
	}
	c.mu.Unlock()

	var timeout, stall, grace, quiet signal
	if w.Timeout > 0 {
		timeout = c.after(w.Timeout)
		defer timeout.stop()
	}
	if w.Stall > 0 {
		stall = c.after(w.Stall)
		defer func() { stall.stop() }()
	}
	aborted := x.aborted
	passed := func() time.Duration { return c.clk.Now().Sub(began) }
	for {
		select {
		case <-x.matched:
			return c.finish(x)
		case <-x.prompted:
			if quiet.c == nil {
				quiet = c.after(settle)
			}
		case <-quiet.c:
			quiet = signal{}
			c.settled(x)
		case <-aborted:
			aborted = nil
			if w.Grace == 0 {
				return c.giveUp(x, w.abortError(x.abort))
			}
			grace = c.after(w.Grace)
			defer grace.stop()
		case <-grace.c:
			return c.giveUp(x, w.abortError(x.abort))
		case <-timeout.c:
			kind := w.Kind
			if kind == "" {
				kind = classify.ConsoleTimeout
			}
			return c.giveUp(x, classify.New(kind, "no sign of %s within %s", w.name(), w.Timeout))
		case <-stall.c:
			c.mu.Lock()
			silent := c.clk.Now().Sub(later(c.last, began))
			c.mu.Unlock()
			if silent >= w.Stall {
				return c.giveUp(x, classify.New(classify.ConsoleStall, "silence for %s while waiting for %s", w.Stall, w.name()))
			}
			stall = c.after(w.Stall - silent)
		case <-ctx.Done():
			return c.giveUp(x, &classify.Error{Msg: fmt.Sprintf("waited %s for %s", round(passed()), w.name()), Cause: context.Cause(ctx)})
		case <-c.lost:
			if m, ok := c.tryFinish(x); ok {
				return m, nil
			}
			return c.giveUp(x, c.lostError("waiting for "+w.name()))
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }

// name says what is awaited, for an error text.
func (w Wait) name() string {
	var all []string
	for _, p := range w.For {
		all = append(all, p.String())
	}
	if w.What != "" {
		return w.What
	}
	return strings.Join(all, " or ")
}

func (w Wait) abortError(a *Abort) error {
	return &classify.Error{Kind: a.Kind, Msg: a.Says, Hint: a.Hint}
}

// finish takes the match out of the stream.
func (c *Console) finish(x *waiting) (Match, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wait = nil
	c.take(x.lo, x.match.Text)
	c.trim()
	return *x.match, nil
}

// tryFinish takes a match that came with the end of the stream.
func (c *Console) tryFinish(x *waiting) (Match, bool) {
	select {
	case <-x.matched:
		m, _ := c.finish(x)
		return m, true
	default:
		return Match{}, false
	}
}

// giveUp ends a wait that failed. A match that came in the same moment wins.
func (c *Console) giveUp(x *waiting, err error) (Match, error) {
	c.mu.Lock()
	c.wait = nil
	matched := x.match != nil
	c.mu.Unlock()
	if matched {
		return c.finish(x)
	}
	return Match{}, c.Fail(err)
}

// signal is a timer of the console's clock that ends in a channel.
type signal struct {
	c    <-chan struct{}
	stop func() bool
}

func (c *Console) after(d time.Duration) signal {
	ch := make(chan struct{})
	return signal{ch, c.clk.AfterFunc(d, func() { close(ch) })}
}

// Drain waits until nothing has come for quiet, at most for limit, and forgets what came.
func (c *Console) Drain(ctx context.Context, quiet, limit time.Duration) error {
	_, err := c.Expect(ctx, Wait{What: "silence", Stall: quiet, Timeout: limit})
	c.Skip()
	if classify.Find(err, classify.ConsoleStall) != nil || classify.Find(err, classify.ConsoleTimeout) != nil {
		return nil
	}
	return err
}

// Skip forgets what came so far: the next wait sees only what comes from now on.
func (c *Console) Skip() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pos = c.in
	c.drop(c.in)
}
