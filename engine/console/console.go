// Package console is the dialogue with a text stream: sending, waiting for a pattern, and running a command whose exit
// code comes back with its output.
//
// It owns the one reader of a transport, the matching, the framing of commands and the transcript. It does not know
// what a board is, which commands exist, or who asks. It is the only importer of goexpect, which holds the session's
// goroutines and buffer; what goexpect lacks (contexts, a bound on its memory, wake-ups that are never lost, the true
// result of a write) is added here, outside of it.
package console

import (
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	expect "github.com/google/goexpect"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

const (
	window    = 32 << 10 // what is kept of the stream while nobody waits, and the most that a wait looks back
	maxMatch  = 4 << 10  // the longest match that is promised
	maxOutput = 16 << 20 // the largest output of one command
)

// Recorder takes a copy of everything that passes, in order. It must not block.
type Recorder interface {
	Record(at time.Time, sent bool, p []byte)
}

// Config is what a Console needs besides its stream. Every field is optional.
type Config struct {
	Clock    clock.Clock
	Recorder Recorder
	Typing   Typing
	Watch    Watch // what the board's own failures look like
	Reopen   Reopen
	Secrets  *Secrets // what no error shows
}

// Typing is how a board wants to be typed at.
type Typing struct {
	Chunk  int           // bytes that are written at once, 0 for all
	Delay  time.Duration // rest after each
	NoEcho bool          // it does not echo what is typed
}

// Console is one connection to a board. One goroutine at a time talks through it; Close may come from any.
type Console struct {
	Typing
	clk         clock.Clock
	recorder    Recorder
	secrets     *Secrets // never nil
	exp         *expect.GExpect
	unpublished []byte // the last read, not yet looked at because goexpect does not have it yet

	queue   chan []byte   // what goexpect wants written, at most one
	written chan error    // the true result of that write
	sending chan struct{} // held while a write is under way
	closed  chan struct{}
	lost    chan struct{} // closed when the stream ended; cause says why
	cause   error
	closing sync.Once

	needsSync   bool // a command did not end as it should: its rest may still come
	syncedAtGap int  // the gaps until then are made good

	running string // the command that Run waits for

	// What typing has learned about the board.
	chunkSize int    // bytes that it takes at once, 0 for a line
	noEcho    bool   // it does not echo
	sawEcho   bool   // it echoed the last line
	prompt    string // a prompt that is not the dialect's
	setupDone bool   // the dialect's setup was done
	atPrompt  bool   // the last thing that was taken from the stream is a prompt

	reopenCfg      Reopen
	reopenDeadline time.Time // when a port that is away is given up
	reopenedAt     time.Time // when it came back last

	mu         sync.Mutex
	port       io.ReadWriteCloser
	portErr    error         // why there is no port now
	wasAway    error         // why there was none the last time
	reopened   chan struct{} // closed and made anew when there is one again
	gaps       int           // how often that was
	buf        []byte        // the stream from base to in
	base       int64         // offset of hist[0]
	received   int64         // bytes seen
	consumed   int64         // bytes that goexpect no longer holds
	pos        int64         // where the next wait begins to look
	lastByteAt time.Time     // when the last byte came
	wait       *waiter       // who waits now
	capture    *capture      // who collects now
	tap        func([]byte)
	watches    []Watch
	epoch      *Epoch // of the interpreter that is there now
	banner     int64  // offset of the last bootloader's banner
	echoes     echoes // of secrets in the stream
}

// New starts to read from port at once. The caller closes the Console, which closes port.
func New(port io.ReadWriteCloser, cfg Config) *Console {
	c := &Console{
		Typing: cfg.Typing, port: port, noEcho: cfg.Typing.NoEcho, atPrompt: true, clk: cfg.Clock, recorder: cfg.Recorder, secrets: cfg.Secrets,
		queue: make(chan []byte, 1), written: make(chan error, 1), sending: make(chan struct{}, 1),
		closed: make(chan struct{}), lost: make(chan struct{}), reopened: make(chan struct{}), reopenCfg: cfg.Reopen,
	}
	if c.clk == nil {
		c.clk = clock.Real{}
	}
	if c.secrets == nil {
		c.secrets = NewSecrets()
	}
	c.lastByteAt = c.clk.Now()
	c.PushAborts(cfg.Watch)
	ready := make(chan struct{})
	e, _, err := expect.SpawnGeneric(&expect.GenOptions{
		In:    sender{c},
		Out:   receiver{c, ready},
		Wait:  func() error { <-c.closed; return nil },
		Close: func() error { return nil },
		Check: func() bool { return true },
	}, time.Hour, expect.PartialMatch(true), expect.SendTimeout(time.Second), expect.BufferSize(32<<10))
	if err != nil {
		panic(err) // only an incomplete GenOptions does that
	}
	c.exp = e
	close(ready)
	go c.write()
	return c
}

// Close ends the session and frees whoever waits. It is safe to call more than once.
func (c *Console) Close() error {
	var err error
	c.closing.Do(func() {
		close(c.closed)
		c.mu.Lock()
		port, away := c.port, c.portErr
		c.mu.Unlock()
		if away == nil { // else reopen has closed it
			err = port.Close()
		}
	})
	return err
}

// Now is the time on the console's clock.
func (c *Console) Now() time.Time { return c.clk.Now() }

// Lost is closed when the stream has ended, by Close or by itself.
func (c *Console) Lost() <-chan struct{} { return c.lost }

// receiver is what goexpect reads from.
type receiver struct {
	*Console
	ready <-chan struct{}
}

// Read is called again only after goexpect has stored the former bytes, which is when they may be matched. An error
// never reaches goexpect, which would drop data that comes with it and then poll a dead session.
func (r receiver) Read(p []byte) (int, error) {
	<-r.ready
	c := r.Console
	c.publishRead()
	for c.cause == nil || c.reopen(c.cause) {
		var n int
		n, c.cause = c.currentPort().Read(p)
		if n > 0 {
			c.unpublished = p[:n]
			return n, nil
		}
	}
	close(c.lost)
	return 0, io.EOF
}

// publishRead makes the last read visible: to the transcript, to who collects, to who waits.
func (c *Console) publishRead() {
	if len(c.unpublished) == 0 {
		return
	}
	p := c.unpublished
	c.unpublished = nil
	now := c.clk.Now()
	if c.recorder != nil {
		c.recorder.Record(now, false, p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastByteAt = now
	c.received += int64(len(p))
	c.buf = append(c.buf, p...)
	c.watchBanner(len(p))
	c.echoes.follow(c.buf, c.base)
	if c.capture != nil {
		c.capture.add(p)
	}
	if c.tap != nil {
		c.tap(p)
	}
	if c.wait != nil && c.wait.scan(c.buf, c.base) {
		return // the one who waits takes it from here; nothing is dropped before
	}
	c.trim()
}

// trim drops the oldest bytes of a stream that nobody has matched, here and in goexpect.
func (c *Console) trim() {
	if len(c.buf) <= 2*window {
		return
	}
	cut := len(c.buf) - window
	c.buf = append(c.buf[:0], c.buf[cut:]...)
	c.base += int64(cut)
	c.pos = max(c.pos, c.base)
	c.discard(c.base)
}

// discard discards what goexpect holds before offset to.
func (c *Console) discard(to int64) {
	if to > c.consumed {
		n, _ := io.CopyN(io.Discard, c.exp, to-c.consumed)
		c.consumed += n
	}
}

// consume lets goexpect match text, which is known to lie at offset lo, and so consumes the stream up to its end.
func (c *Console) consume(lo int64, text string) {
	c.pos = lo + int64(len(text))
	if !utf8.ValidString(text) { // no regular expression matches such bytes
		c.discard(c.pos)
		return
	}
	c.discard(lo)
	found := &expect.Case{R: regexp.MustCompile(regexp.QuoteMeta(text)), T: expect.OK()}
	out, _, _, _ := c.exp.ExpectSwitchCase([]expect.Caser{found, never{}}, time.Hour)
	c.consumed += int64(len(out))
}

// never is a last case that always matches and consumes nothing, so that goexpect does not wait on its own.
type never struct{}

var empty = regexp.MustCompile(``)

func (never) RE() (*regexp.Regexp, error)       { return empty, nil }
func (never) String() string                    { return "" }
func (never) Retry() bool                       { return false }
func (never) Tag() (expect.Tag, *expect.Status) { return expect.OKTag, expect.NewStatus(0, "") }

// sender is what goexpect writes to: it hands over to write and never fails, because goexpect would stop for good.
type sender struct{ *Console }

func (s sender) Write(p []byte) (int, error) {
	s.queue <- append([]byte(nil), p...)
	return len(p), nil
}

func (s sender) Close() error { return nil }

// write owns the writing side of the port.
func (c *Console) write() {
	for {
		select {
		case p := <-c.queue:
			c.written <- c.writeAll(p)
		case <-c.closed:
			return
		}
	}
}

// pause gives the board time to take what was written.
func (c *Console) pause() {
	if c.Delay <= 0 {
		return
	}
	rest := c.newTimer(c.Delay)
	select {
	case <-rest.c:
	case <-c.closed:
		rest.stop()
	}
}

// Send types text as it is and waits until the port has taken it.
func (c *Console) Send(ctx context.Context, text string) error { return c.send(ctx, text, text) }

// SendSecret types text, which is a secret from then on. Stars are recorded for it, for every text that is the same, and for
// what the board echoes of it.
func (c *Console) SendSecret(ctx context.Context, text string) error {
	c.secrets.Add(text)
	c.mu.Lock()
	c.echoes.typed(text, c.received)
	c.mu.Unlock()
	if r, ok := c.recorder.(interface{ typed(string) }); ok {
		r.typed(text)
	}
	return c.send(ctx, text, secretShown+"\n")
}

func (c *Console) send(ctx context.Context, text, shown string) error {
	if text == "" {
		return nil
	}
	if err := context.Cause(ctx); err != nil {
		return c.Fail(classify.Wrap(err, "", "cancelled before sending"))
	}
	select {
	case <-c.closed:
		return c.lostError("sending")
	case <-c.lost:
		return c.lostError("sending")
	case <-ctx.Done():
		return c.Fail(classify.Wrap(context.Cause(ctx), "", "the console port takes no bytes"))
	case c.sending <- struct{}{}:
	}
	if c.recorder != nil && shown != "" {
		c.recorder.Record(c.clk.Now(), true, []byte(shown))
	}
	if err := c.exp.Send(text); err != nil {
		<-c.sending
		return c.Fail(classify.Wrap(err, classify.TransportWrite, "cannot send"))
	}
	select {
	case err := <-c.written:
		<-c.sending
		return c.Fail(classify.Wrap(err, classify.TransportLost, "cannot send to the console"))
	case <-c.lost:
		go c.releaseWriter()
		return c.lostError("sending")
	case <-c.closed:
		return c.lostError("sending")
	case <-ctx.Done():
		go c.releaseWriter()
		return c.Fail(classify.Wrap(context.Cause(ctx), "", "the console port takes no bytes"))
	}
}

// releaseWriter frees the sending side once a write that nobody waits for any more has ended, by Close at the latest.
func (c *Console) releaseWriter() {
	select {
	case <-c.written:
		<-c.sending
	case <-c.closed:
	}
}

func (c *Console) lostError(doing string) error {
	cause := errors.New("closed by us")
	select {
	case <-c.lost:
		if c.cause != nil {
			cause = c.cause
		}
	default:
	}
	return c.Fail(classify.Wrap(cause, classify.TransportLost, "the console was lost while %s", doing))
}

// Fail attaches the last lines of the console to an error. It keeps nil as nil.
func (c *Console) Fail(err error) error {
	if err == nil {
		return nil // what nearly every send ends with: the lines are not worth collecting
	}
	return classify.WithConsole(err, c.Tail())
}

// tailLines is how much of the console a failure shows.
const tailLines = 12

// Tail gives the last lines that came, without escape sequences.
func (c *Console) Tail() string {
	c.mu.Lock()
	from := max(0, len(c.buf)-maxMatch)
	before := max(0, from-c.secrets.longest()) // a secret may lie across from
	spans := c.secrets.spans(string(c.buf[before:]))
	for i := range spans {
		spans[i] = span{spans[i].from + before, spans[i].to + before}
	}
	spans = within(append(spans, c.echoes.spans(c.buf, c.base)...), from)
	raw := string(c.buf[from:])
	c.mu.Unlock()
	var kept []string
	for line := range strings.Lines(c.secrets.Mask(Clean(starred(raw, spans)))) {
		if line = strings.TrimRight(line, " \n"); line != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept[max(0, len(kept)-tailLines):], "\n")
}

// escapes are the terminal control sequences that boards print: CSI, OSC, two-byte ones.
var escapes = regexp.MustCompile(`\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_78=>])`)

// lineEnds makes line ends \n and removes NULs.
var lineEnds = strings.NewReplacer("\r\r\n", "\n", "\r\n", "\n", "\x00", "")

// Clean makes console bytes text: line ends are \n, escape sequences, NULs and overprinted carriage returns are gone,
// bytes that are not UTF-8 become the replacement character.
func Clean(raw string) string {
	s := escapes.ReplaceAllString(raw, "")
	s = lineEnds.Replace(s)
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\r", "\n"), "\uFFFD")
}
