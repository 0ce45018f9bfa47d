package console

import (
	"bytes"
	"context"
	"errors"
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
	torn bool
	echo *echo
}

// Text is a literal, found anywhere.
func Text(s string) Pattern { return Pattern{text: s} }

// Prompt is a literal that ends the stream: nothing follows it for a moment. Escape sequences and blanks behind it do
// not count.
func Prompt(s string) Pattern { return Pattern{text: s, end: true} }

// Regexp is a regular expression, matched line by line.
func Regexp(s string) Pattern { return Pattern{re: regexp.MustCompile(s)} }

// RegexpAcrossKernelLines is a regular expression that is also found when the kernel printed a line of its own in the middle of it.
func RegexpAcrossKernelLines(s string) Pattern { return Pattern{re: regexp.MustCompile(s), torn: true} }

func (p Pattern) String() string {
	if p.echo != nil {
		return p.echo.String()
	}
	if p.re != nil {
		return "/" + p.re.String() + "/"
	}
	return fmt.Sprintf("%q", p.text)
}

// find looks at buf, of which the bytes before fresh were looked at already. It gives the place of the first match and
// of its groups, nil if there is none.
func (p Pattern) find(buf []byte, fresh int) []int {
	switch {
	case p.echo != nil:
		return p.echo.find(buf)
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
	from := max(bytes.LastIndexByte(buf[:fresh], '\n')+1, fresh-maxMatch)
	m := p.re.FindSubmatchIndex(buf[from:])
	if m == nil && p.torn {
		from = max(0, fresh-maxMatch)
		m = p.findAcrossKernelLines(buf[from:])
	}
	for i := range m {
		if m[i] >= 0 {
			m[i] += from
		}
	}
	return m
}

// findAcrossKernelLines looks at buf as it would be without what the kernel printed in between. Its answer are places in buf.
func (p Pattern) findAcrossKernelLines(buf []byte) []int {
	lines := kernelLines(buf)
	if lines == nil {
		return nil
	}
	m := p.re.FindSubmatchIndex(removeLines(buf, lines))
	for i := range m {
		switch {
		case m[i] < 0:
		case i%2 == 0:
			m[i] = originalIndex(m[i], lines)
		default:
			m[i] = originalIndex(m[i]-1, lines) + 1
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
	Name    string // of a built-in one, to switch it off
	Pattern Pattern
	Kind    classify.Kind
	Message string // what it means: "the kernel panicked"
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

	since time.Time     // when Timeout began, if not now
	quiet time.Duration // silence that ends the wait with errQuiet, so that whoever waits can act and go on
	each  func() error  // called between two looks at the stream, when something came; its error ends the wait
}

// errQuiet is for the package alone.
var errQuiet = errors.New("silence")

// Match is how a wait ended well.
type Match struct {
	Index  int      // into Wait.For
	Text   string   // what matched
	Groups []string // of a regular expression
}

// waiter is a wait in progress. The reader scans for it, so that no byte passes unseen.
type waiter struct {
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
	atPrompt chan struct{} // of capacity one

	abort   *Abort
	aborted chan struct{}
	matched chan struct{}
	arrived chan struct{} // of capacity one
}

// scan looks at the new bytes of hist, which begins at offset base, and reports whether the wait is over by a match.
func (w *waiter) scan(hist []byte, base int64) bool {
	if w.match != nil {
		return true
	}
	if w.each != nil {
		notify(w.arrived)
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
			w.recheck()
		}
		return false
	}
	w.lo = base + int64(start+best[0])
	close(w.matched)
	return true
}

// recheck has a prompt looked at once more, if there is one.
func (w *waiter) recheck() { notify(w.atPrompt) }

// notify leaves word in a channel of capacity one.
func notify(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
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
		group := buf[m[i]:m[i+1]]
		out = append(out, string(removeLines(group, kernelLines(group))))
	}
	return out
}

// promptSettle is the silence that makes a prompt of what looks like one. It is more than a USB adapter's latency.
const promptSettle = 50 * time.Millisecond

// confirmPrompt makes a match of a prompt that nothing followed, or has it looked at once more.
func (c *Console) confirmPrompt(x *waiter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case x.match != nil || x.prompt == nil:
	case x.ended == c.received && c.clk.Now().Sub(c.lastByteAt) >= promptSettle:
		x.match, x.lo = x.prompt, x.promptLo
		close(x.matched)
	default:
		x.recheck()
	}
}

// Expect waits for one of w.For in what came since the last match.
func (c *Console) Expect(ctx context.Context, w Wait) (Match, error) {
	began := c.clk.Now()
	since := w.since
	if since.IsZero() {
		since = began
	}
	x := &waiter{
		Wait: w, aborted: make(chan struct{}), matched: make(chan struct{}),
		atPrompt: make(chan struct{}, 1), arrived: make(chan struct{}, 1),
	}
	if err := c.checkIdle(); err != nil {
		return Match{}, err
	}
	c.mu.Lock()
	x.Abort = c.activeAborts(w.Abort)
	x.start, x.seen = c.pos, c.pos
	c.wait = x
	if len(c.buf) > 0 {
		x.scan(c.buf, c.base)
	}
	c.mu.Unlock()

	var timeout, stall, grace, settling, quiet timer
	if w.Timeout > 0 {
		timeout = c.newTimer(w.Timeout - began.Sub(since))
		defer timeout.stop()
	}
	if w.Stall > 0 {
		stall = c.newTimer(w.Stall - c.idle(since))
		defer func() { stall.stop() }()
	}
	if w.quiet > 0 {
		quiet = c.newTimer(w.quiet)
		defer func() { quiet.stop() }()
	}
	aborted := x.aborted
	var returned <-chan struct{} // the port was away when the time was up, and may come back
	passed := func() time.Duration { return c.clk.Now().Sub(since) }
	for {
		select {
		case <-x.matched:
			return c.match(x)
		case <-x.atPrompt:
			if settling.c == nil {
				settling = c.newTimer(promptSettle)
			}
		case <-settling.c:
			settling = timer{}
			c.confirmPrompt(x)
		case <-aborted:
			aborted = nil
			if w.Grace == 0 {
				return c.fail(x, w.abortError(x.abort))
			}
			grace = c.newTimer(w.Grace)
			defer grace.stop()
		case <-grace.c:
			return c.fail(x, w.abortError(x.abort))
		case <-returned:
			returned = nil
			if w.Timeout > 0 {
				timeout = c.newTimer(w.Timeout)
				defer timeout.stop()
			}
			if w.Stall > 0 {
				stall = c.newTimer(w.Stall)
			}
		case <-timeout.c:
			if back := c.reconnected(); back != nil {
				timeout.c, returned = nil, back
				continue
			}
			kind := w.Kind
			if kind == "" {
				kind = classify.ConsoleTimeout
			}
			return c.fail(x, classify.New(kind, "no sign of %s within %s", w.name(), w.Timeout))
		case <-x.arrived:
			if err := w.each(); err != nil { // whether or not the match is there by now
				c.mu.Lock()
				c.wait = nil
				c.mu.Unlock()
				return Match{}, c.Fail(err)
			}
		case <-stall.c:
			if back := c.reconnected(); back != nil {
				stall.c, returned = nil, back
				continue
			}
			left := w.Stall - c.idle(since)
			if left <= 0 {
				return c.fail(x, classify.New(classify.ConsoleStall, "silence for %s while waiting for %s", w.Stall, w.name()))
			}
			stall = c.newTimer(left)
		case <-quiet.c:
			left := w.quiet - c.idle(began)
			if left <= 0 && grace.c == nil && c.reconnected() == nil { // else an abort waits for its confirmation
				return c.fail(x, errQuiet)
			}
			quiet = c.newTimer(max(left, promptSettle))
		case <-ctx.Done():
			away := ""
			if c.reconnected() != nil {
				away = " while the console port is away"
			}
			return c.fail(x, &classify.Error{Msg: fmt.Sprintf("waited %s for %s%s", round(passed()), w.name(), away), Cause: context.Cause(ctx)})
		case <-c.lost:
			if m, ok := c.tryMatch(x); ok {
				return m, nil
			}
			return c.fail(x, c.lostError("waiting for "+w.name()))
		}
	}
}

// reconnected is closed when a port that is away has come back; it is nil for one that is there. What the board says while
// it is away is lost, so no time is up until then: whether it comes back at all is for reopen to say.
func (c *Console) reconnected() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.portErr == nil {
		return nil
	}
	return c.reopened
}

// idle is how long nothing has come, since the given time at most.
func (c *Console) idle(since time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clk.Now().Sub(latest(c.lastByteAt, since))
}

func latest(a, b time.Time) time.Time {
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
	return &classify.Error{Kind: a.Kind, Msg: a.Message, Hint: a.Hint}
}

// match takes the match out of the stream.
func (c *Console) match(x *waiter) (Match, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wait = nil
	c.consume(x.lo, x.match.Text)
	c.trim()
	return *x.match, nil
}

// tryMatch takes a match that came with the end of the stream.
func (c *Console) tryMatch(x *waiter) (Match, bool) {
	select {
	case <-x.matched:
		m, _ := c.match(x)
		return m, true
	default:
		return Match{}, false
	}
}

// fail ends a wait that failed. A match that came in the same moment wins.
func (c *Console) fail(x *waiter, err error) (Match, error) {
	c.mu.Lock()
	c.wait = nil
	matched := x.match != nil
	c.mu.Unlock()
	if matched {
		return c.match(x)
	}
	if err != errQuiet {
		err = c.Fail(err)
	}
	return Match{}, err
}

// timer is a timer of the console's clock that ends in a channel.
type timer struct {
	c    <-chan struct{}
	stop func() bool
}

func (c *Console) newTimer(d time.Duration) timer {
	ch := make(chan struct{})
	return timer{ch, c.clk.AfterFunc(d, func() { close(ch) })}
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
	c.pos = c.received
	c.discard(c.received)
}
