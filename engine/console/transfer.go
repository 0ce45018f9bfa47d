package console

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// Link is the port of a console as bytes, for a transfer by another protocol. It belongs to the goroutine of the
// transfer.
type Link struct {
	con    *Console
	aborts []Abort
	gaps   int // of the port when the transfer began
	sent   int64

	arrived chan struct{} // gets an element when bytes came; of capacity one

	mu     sync.Mutex // mu guards what follows; it is taken after the stream's mu
	start  int64      // offset in the stream of got[0]
	got    []byte     // what came since the transfer began
	read   int        // how many of them were read
	failed *Abort     // the first abort that was found
}

// ErrNoByte is the error of Link.Receive if no byte came in time.
var ErrNoByte = errors.New("no byte came")

// transferPacing is that of a transfer: its protocol waits for the board itself.
var transferPacing = &Pacing{}

// Transfer calls f with the port as bytes: what f writes is sent as it is, without the pacing of typed text, and what
// comes is read by f until it returns. The transcript has the size of the transfer in place of its bytes; secrets in
// them are not masked. What f has not read is what the next wait sees first. The transfer ends with an abort's error
// if its text comes.
//
// What is the transfer for people: "the load of u-boot.bin".
func (c *Console) Transfer(ctx context.Context, what string, aborts []Abort, f func(*Link) error) error {
	if err := c.checkIdle(); err != nil {
		return err
	}
	l := &Link{con: c, aborts: c.watches.apply(aborts), gaps: c.Gaps(), arrived: make(chan struct{}, 1)}
	pacing := c.sender.pacing.Swap(transferPacing)
	defer c.sender.pacing.Store(pacing)
	c.note(what + " begins: its bytes are not recorded")
	c.stream.startTransfer(l)
	err := f(l)
	rest := c.stream.endTransfer(l, err != nil)
	c.note(fmt.Sprintf("%s ended: %d bytes were sent, %d came", what, l.sent, len(l.got)))
	if c.recorder != nil && len(rest) > 0 {
		c.recorder.Record(c.clk.Now(), false, rest)
	}
	return c.Fail(err)
}

// Write sends p and waits until the port has taken it.
func (l *Link) Write(ctx context.Context, p []byte) error {
	if err := l.check(); err != nil {
		return err
	}
	l.sent += int64(len(p))
	return l.con.send(ctx, string(p), "")
}

// Receive returns the next byte. It waits for it at most for limit, and then returns ErrNoByte.
func (l *Link) Receive(ctx context.Context, limit time.Duration) (byte, error) {
	if b, ok, err := l.next(); ok || err != nil {
		return b, err
	}
	if err := l.check(); err != nil {
		return 0, err
	}
	if limit <= 0 {
		return 0, ErrNoByte
	}
	passed, stop := clock.After(l.con.clk, limit)
	defer stop()
	for {
		select {
		case <-l.arrived:
			if b, ok, err := l.next(); ok || err != nil {
				return b, err
			}
		case <-passed:
			if err := l.check(); err != nil {
				return 0, err
			}
			return 0, ErrNoByte
		case <-l.con.lost:
			return 0, l.con.lostError("transferring a file")
		case <-ctx.Done():
			return 0, classify.Wrap(context.Cause(ctx), "", "a transfer over the console was cancelled")
		}
	}
}

// Unread puts the last byte that was read back.
func (l *Link) Unread() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read = max(0, l.read-1)
}

// next returns the next byte that is there. It returns an error after an abort was found.
func (l *Link) next() (b byte, ok bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.failed; a != nil {
		return 0, false, &classify.Error{Kind: a.Kind, Msg: a.Message, Hint: a.Hint}
	}
	if l.read == len(l.got) {
		return 0, false, nil
	}
	l.read++
	return l.got[l.read-1], true, nil
}

// check returns an error if the port was lost since the transfer began: bytes of the transfer are missing.
func (l *Link) check() error {
	if l.con.Gaps() == l.gaps && l.con.port.reconnected() == nil {
		return nil
	}
	return classify.Wrap(l.con.port.lastLoss(), classify.ConsoleGap, "the console was away during a transfer over it")
}

// add appends bytes that came, and looks for the aborts in them. The caller holds the stream's mu.
func (l *Link) add(p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fresh := len(l.got)
	l.got = append(l.got, p...)
	from := max(0, fresh-maxMatch)
	for i := range l.aborts {
		if l.failed == nil && l.aborts[i].Pattern.find(l.got[from:], fresh-from) != nil {
			l.failed = &l.aborts[i]
		}
	}
	notify(l.arrived)
}

// transferring is the transfer in progress of a stream, nil if there is none. It is safe for concurrent use.
type transferring = atomic.Pointer[Link]

// startTransfer passes what no wait has consumed, and what comes from now on, to l.
func (s *stream) startTransfer(l *Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.start = s.pos
	l.add(s.buf[s.pos-s.base:])
	s.transfer.Store(l)
}

// endTransfer ends the transfer in progress and consumes what it has read. It returns what was not recorded and may
// be text: what the transfer has not read, and if it failed, the end of what it has read.
func (s *stream) endTransfer(l *Link, failed bool) (rest []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.transfer.Store(nil)
	l.mu.Lock()
	defer l.mu.Unlock()
	s.pos = max(s.base, l.start+int64(l.read))
	s.discardLocked(s.pos)
	from := l.read
	if failed {
		from = max(0, from-maxMatch)
	}
	return l.got[from:]
}
