package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

// Reopen says how a console outlives its port: an adapter that loses its power with the board, a server that restarts, a
// cable that was bumped. What the board says meanwhile is lost, and known to be.
type Reopen struct {
	Open     func(context.Context) (io.ReadWriteCloser, error) // nil: the console is lost with its port
	Patience time.Duration                                     // from the loss until the console is given up
}

// knockEvery is how often a port that is away is tried.
const knockEvery = 100 * time.Millisecond

var errPatience = errors.New("it was away again and again")

// line is the port that is open now.
func (c *Console) line() io.ReadWriteCloser {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.port
}

// reopen tries to get the port back, and reports whether the console goes on. A port that comes back and fails at once
// is one failure, with one patience.
func (c *Console) reopen(cause error) bool {
	if c.how.Open == nil || c.isClosed() {
		return false
	}
	began := c.clk.Now()
	afresh := began.Sub(c.returned) > c.how.Patience
	if afresh {
		c.until = began.Add(c.how.Patience)
		c.note(fmt.Sprintf("the console port is away: %v", cause))
	}
	c.mu.Lock()
	c.away, c.wasAway = cause, cause
	old := c.port
	c.mu.Unlock()
	old.Close()
	ctx, cancel := clock.WithTimeout(context.Background(), c.clk, c.until.Sub(began), errPatience)
	defer cancel()
	go func() {
		select {
		case <-c.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := errPatience
	for c.clk.Sleep(ctx, knockEvery) == nil {
		var port io.ReadWriteCloser
		if port, err = c.how.Open(ctx); err == nil && c.adopt(port) {
			if afresh {
				c.note(fmt.Sprintf("the console port is back after %s; what the board said meanwhile is lost", round(c.clk.Now().Sub(began))))
			}
			return true
		}
	}
	if !c.isClosed() {
		c.cause = fmt.Errorf("%w; it did not come back within %s: %w", cause, c.how.Patience, err)
	}
	return false
}

// adopt makes port the one that is open, unless the console was closed meanwhile.
func (c *Console) adopt(port io.ReadWriteCloser) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isClosed() {
		port.Close()
		return false
	}
	c.port, c.away = port, nil
	c.returned = c.clk.Now()
	c.last = c.returned
	c.gaps++
	if c.capture != nil {
		c.capture.gap = true
	}
	close(c.back)
	c.back = make(chan struct{})
	return true
}

func (c *Console) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// Gaps is how often the port was away, and came back.
func (c *Console) Gaps() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gaps
}

// gapped reports whether it was since somebody last answered.
func (c *Console) gapped() bool { return c.Gaps() > c.synced }

func (c *Console) note(text string) {
	if n, ok := c.rec.(interface{ Note(time.Time, string) }); ok {
		n.Note(c.clk.Now(), text)
	}
}

// put writes p, and goes on with what is left once a port that failed is back.
func (c *Console) put(p []byte) error {
	for len(p) > 0 {
		c.mu.Lock()
		port, back := c.port, c.back
		c.mu.Unlock()
		n := len(p)
		if c.Chunk > 0 {
			n = min(n, c.Chunk)
		}
		n, err := port.Write(p[:n])
		p = p[n:]
		if err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		if err != nil {
			if c.how.Open == nil {
				return err
			}
			select {
			case <-back:
			case <-c.lost:
				return err
			case <-c.closed:
				return err
			}
			continue
		}
		c.rest()
	}
	return nil
}
