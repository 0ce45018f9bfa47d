package console

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// sender writes to the port. One goroutine, run, writes; goexpect hands it what is to be written, and it returns
// the true result, which goexpect does not know.
type sender struct {
	typing Typing                 // how to type unless Pace said otherwise
	pacing atomic.Pointer[Pacing] // set by Pace
	clk    clock.Clock
	port   *port
	lost   <-chan struct{} // closed when the stream has ended

	queue   chan []byte   // what goexpect wants written, at most one
	written chan error    // the result of that write
	busy    chan struct{} // holds one element while a write is in progress
}

// Write implements io.Writer for goexpect. It never fails: goexpect would stop for good.
func (s *sender) Write(p []byte) (int, error) {
	s.queue <- append([]byte(nil), p...)
	return len(p), nil
}

// Close implements io.Closer for goexpect. The console closes its port itself.
func (s *sender) Close() error { return nil }

// run writes until the console is closed.
func (s *sender) run() {
	for {
		select {
		case p := <-s.queue:
			s.written <- s.writeAll(p)
		case <-s.port.closed:
			return
		}
	}
}

// writeAll writes p in chunks. When the port is lost, it waits for the new one and writes the rest to it.
func (s *sender) writeAll(p []byte) error {
	for len(p) > 0 {
		rw, reopened := s.port.forWrite()
		pacing := s.pacing.Load()
		n := len(p)
		if pacing.Chunk > 0 {
			n = min(n, pacing.Chunk)
		}
		n, err := rw.Write(p[:n])
		p = p[n:]
		if err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		if err == nil {
			s.pause(pacing.Delay)
			continue
		}
		if s.port.cfg.Open == nil {
			return err
		}
		select {
		case <-reopened:
		case <-s.lost:
			return err
		case <-s.port.closed:
			return err
		}
	}
	return nil
}

// pause waits while the board processes a chunk.
func (s *sender) pause(delay time.Duration) {
	if delay <= 0 {
		return
	}
	passed, stop := clock.After(s.clk, delay)
	select {
	case <-passed:
	case <-s.port.closed:
		stop()
	}
}

// send types text and waits until the port has taken it. shown is what the recorder gets instead; nothing, if it
// is empty.
func (c *Console) send(ctx context.Context, text, shown string) error {
	if text == "" {
		return nil
	}
	if err := context.Cause(ctx); err != nil {
		return c.Fail(classify.Wrap(err, "", "cancelled before sending"))
	}
	s := &c.sender
	select {
	case <-c.closed:
		return c.lostError("sending")
	case <-c.lost:
		return c.lostError("sending")
	case <-ctx.Done():
		return c.Fail(classify.Wrap(context.Cause(ctx), "", "the console port takes no bytes"))
	case s.busy <- struct{}{}:
	}
	if c.recorder != nil && shown != "" {
		c.recorder.Record(c.clk.Now(), true, []byte(shown))
	}
	if err := c.stream.exp.Send(text); err != nil {
		<-s.busy
		return c.Fail(classify.Wrap(err, classify.TransportWrite, "cannot send"))
	}
	select {
	case err := <-s.written:
		<-s.busy
		return c.Fail(classify.Wrap(err, classify.TransportLost, "cannot send to the console"))
	case <-c.lost:
		go s.release()
		return c.lostError("sending")
	case <-c.closed:
		return c.lostError("sending")
	case <-ctx.Done():
		go s.release()
		return c.Fail(classify.Wrap(context.Cause(ctx), "", "the console port takes no bytes"))
	}
}

// release frees the sender after an abandoned write has ended. Close ends it at the latest.
func (s *sender) release() {
	select {
	case <-s.written:
		<-s.busy
	case <-s.port.closed:
	}
}
