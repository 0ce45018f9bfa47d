// Package console is the dialogue with a text stream: sending, waiting for a pattern, and running a command whose
// exit code comes back with its output.
//
// It owns the only reader of a transport, the matching, the framing of commands and the transcript. It does not
// know what a board is, which commands exist, or who its caller is. It is the only importer of goexpect, which
// holds the session's goroutines and buffer; what goexpect lacks (contexts, a bound on its memory, wake-ups that
// are never lost, the true result of a write) is added here. It is not meant for embedders.
package console

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// Recorder gets a copy of all bytes that pass, in order. It must not block.
type Recorder interface {
	Record(at time.Time, sent bool, p []byte)
}

// Config is what a Console needs besides its stream. Every field is optional.
type Config struct {
	Clock    clock.Clock
	Recorder Recorder
	Typing   Typing
	Watch    Watch    // changes to the built-in aborts
	Reopen   Reopen   // what to do when the port is lost
	Secrets  *Secrets // texts that no error may show
}

// Typing says how to type at a board.
type Typing struct {
	Chunk  int           // bytes that are written at once, 0 for all
	Delay  time.Duration // pause after each chunk
	NoEcho bool          // the board does not echo what is typed
}

// Console is one connection to a board. One goroutine at a time may send, wait and run commands; Close, Closed,
// Lost, Gaps and Tail are safe for concurrent use.
type Console struct {
	clk      clock.Clock
	recorder Recorder
	secrets  *Secrets // never nil

	port    port
	sender  sender
	stream  stream
	watches watches
	typist  typist

	closing sync.Once
	closed  chan struct{} // closed by Close
	lost    chan struct{} // closed when the stream has ended; port.cause is the reason

	mu    sync.Mutex // mu guards epoch
	epoch *Epoch     // of the interpreter that is there now
}

// New returns a Console, which starts to read from rw at once. The caller closes the Console, which closes rw.
func New(rw io.ReadWriteCloser, cfg Config) *Console {
	c := &Console{clk: cfg.Clock, recorder: cfg.Recorder, secrets: cfg.Secrets, closed: make(chan struct{}), lost: make(chan struct{})}
	if c.clk == nil {
		c.clk = clock.Real{}
	}
	if c.secrets == nil {
		c.secrets = NewSecrets()
	}
	c.stream.secrets, c.stream.watches, c.stream.lastByteAt = c.secrets, &c.watches, c.clk.Now()
	c.watches.push(cfg.Watch)
	c.port = port{cfg: cfg.Reopen, clk: c.clk, note: c.note, onReopen: c.stream.restartSilence, closed: c.closed, rw: rw, reopened: make(chan struct{})}
	c.sender = sender{
		typing: cfg.Typing, clk: c.clk, port: &c.port, lost: c.lost,
		queue: make(chan []byte, 1), written: make(chan error, 1), busy: make(chan struct{}, 1),
	}
	c.Pace(nil)
	c.typist = typist{con: c, typing: cfg.Typing, noEcho: cfg.Typing.NoEcho, atPrompt: true}
	c.spawn()
	go c.sender.run()
	return c
}

// Close ends the session and every wait. It is safe to call more than once.
func (c *Console) Close() error {
	var err error
	c.closing.Do(func() {
		close(c.closed)
		err = c.port.close()
	})
	return err
}

// Closed reports whether Close was called.
func (c *Console) Closed() bool { return c.port.isClosed() }

// Lost returns a channel that is closed when the stream has ended, by Close or otherwise.
func (c *Console) Lost() <-chan struct{} { return c.lost }

// Gaps returns how often the port was lost and opened again.
func (c *Console) Gaps() int { return c.port.countGaps() }

// Echoes reports whether the board echoes what is typed, as its configuration says.
func (c *Console) Echoes() bool { return !c.typist.typing.NoEcho }

// Now returns the time of the console's clock.
func (c *Console) Now() time.Time { return c.clk.Now() }

// Send types text and waits until the port has taken it.
func (c *Console) Send(ctx context.Context, text string) error { return c.send(ctx, text, text) }

// SendSecret types text and makes it a secret. Stars are recorded in its place, in the place of every equal text,
// and in the place of the board's echo.
func (c *Console) SendSecret(ctx context.Context, text string) error {
	c.secrets.Add(text)
	c.stream.expectEcho(text)
	if r, ok := c.recorder.(interface{ expectEcho(string) }); ok {
		r.expectEcho(text)
	}
	return c.send(ctx, text, secretShown+"\n")
}

// Skip drops what came so far: the next wait sees only what comes after the call.
func (c *Console) Skip() { c.stream.skip() }

// Tail returns the last lines that came as a person would have seen them: without escape sequences and framing.
func (c *Console) Tail() string { return lastLines(c.typist.frames.hide(c.stream.cleanEnd())) }

// Fail attaches the last lines of the console to an error. It returns nil for nil.
func (c *Console) Fail(err error) error {
	if err == nil {
		return nil // most sends succeed: the lines are not collected for them
	}
	return classify.WithConsole(err, c.Tail())
}

// lostError returns the error of a console that was lost, or closed.
func (c *Console) lostError(doing string) error {
	cause := errors.New("closed by us")
	select {
	case <-c.lost:
		if c.port.cause != nil {
			cause = c.port.cause
		}
	default:
	}
	return c.Fail(classify.Wrap(cause, classify.TransportLost, "the console was lost while %s", doing))
}

// note records an event of the console itself, if the recorder takes notes.
func (c *Console) note(text string) {
	if n, ok := c.recorder.(interface{ Note(time.Time, string) }); ok {
		n.Note(c.clk.Now(), text)
	}
}
