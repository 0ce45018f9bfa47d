package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

// Reopen says how a console outlives its port: an adapter that loses its power with the board, a server that
// restarts, a cable that was bumped. What the board prints while the port is lost is lost too, and the console
// records that.
type Reopen struct {
	Open    func(context.Context) (io.ReadWriteCloser, error) // nil: the console is lost with its port
	Timeout time.Duration                                     // from the loss of the port to the loss of the console
}

// reopenInterval is the time between two attempts to open a lost port.
const reopenInterval = 100 * time.Millisecond

var errReopenTimeout = errors.New("it was away again and again")

// port is the byte stream that a console reads and writes. The console's reader opens it again after an error.
type port struct {
	cfg      Reopen
	clk      clock.Clock
	note     func(text string)   // records an event
	onReopen func(now time.Time) // called just before a new port is visible
	closed   <-chan struct{}     // closed with the console

	cause          error     // the reader's: of the last read; the reason of the loss once the console's lost is closed
	reopenDeadline time.Time // the reader's: when a lost port is given up
	reopenedAt     time.Time // the reader's: when the last new port was opened

	mu       sync.Mutex // mu guards what follows
	rw       io.ReadWriteCloser
	err      error         // why the port is lost; nil while it is open
	lastErr  error         // why it was lost the last time
	reopened chan struct{} // closed, and replaced, when a new port is open
	gaps     int           // how often a new port was opened
}

// current returns the port that is open, or was open last.
func (p *port) current() io.ReadWriteCloser {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rw
}

// forWrite returns the port and the channel that is closed when the next one is open.
func (p *port) forWrite() (rw io.ReadWriteCloser, reopened <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rw, p.reopened
}

// reconnected returns a channel that is closed when the lost port is open again, nil while the port is open.
// Timeouts are suspended meanwhile, because output is lost; reopen bounds the outage.
func (p *port) reconnected() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		return nil
	}
	return p.reopened
}

// countGaps returns how often the port was lost and opened again.
func (p *port) countGaps() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gaps
}

// lastLoss returns why the port was lost the last time.
func (p *port) lastLoss() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lastErr
}

// reopen opens the port again after the error in cause, and reports whether the console goes on. A new port that
// fails within the timeout continues the same outage: the timeout does not start again.
func (p *port) reopen() bool {
	if p.cfg.Open == nil || p.isClosed() {
		return false
	}
	cause, began := p.cause, p.clk.Now()
	isNew := began.Sub(p.reopenedAt) > p.cfg.Timeout
	if isNew {
		p.reopenDeadline = began.Add(p.cfg.Timeout)
		p.note(fmt.Sprintf("the console port is away: %v", cause))
	}
	p.setLost(cause)
	ctx, cancel := clock.WithTimeout(context.Background(), p.clk, p.reopenDeadline.Sub(began), errReopenTimeout)
	defer cancel()
	go func() {
		select {
		case <-p.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := errReopenTimeout
	for p.clk.Sleep(ctx, reopenInterval) == nil {
		var rw io.ReadWriteCloser
		if rw, err = p.cfg.Open(ctx); err == nil && p.setOpen(rw) {
			if isNew {
				p.note(fmt.Sprintf("the console port is back after %s; what the board said meanwhile is lost", round(p.clk.Now().Sub(began))))
			}
			return true
		}
	}
	if !p.isClosed() {
		p.cause = fmt.Errorf("%w; it did not come back within %s: %w", cause, p.cfg.Timeout, err)
	}
	return false
}

// setLost marks the port as lost and closes it.
func (p *port) setLost(cause error) {
	p.mu.Lock()
	p.err, p.lastErr = cause, cause
	old := p.rw
	p.mu.Unlock()
	old.Close()
}

// setOpen makes rw the open port. It closes rw and returns false if the console was closed meanwhile.
func (p *port) setOpen(rw io.ReadWriteCloser) bool {
	p.reopenedAt = p.clk.Now()
	p.onReopen(p.reopenedAt)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isClosed() {
		rw.Close()
		return false
	}
	p.rw, p.err = rw, nil
	p.gaps++
	close(p.reopened)
	p.reopened = make(chan struct{})
	return true
}

// close closes the port, unless reopen has closed it.
func (p *port) close() error {
	p.mu.Lock()
	rw, err := p.rw, p.err
	p.mu.Unlock()
	if err != nil {
		return nil
	}
	return rw.Close()
}

func (p *port) isClosed() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}
