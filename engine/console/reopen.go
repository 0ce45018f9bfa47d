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
	Open    func(context.Context) (io.ReadWriteCloser, error) // nil: the console is lost with its port
	Timeout time.Duration                                     // from the loss until the console is given up
}

// reopenInterval is how often a port that is away is tried.
const reopenInterval = 100 * time.Millisecond

var errPatience = errors.New("it was away again and again")

// currentPort is the port that is open now.
func (c *Console) currentPort() io.ReadWriteCloser {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.port
}

// reopen tries to get the port back, and reports whether the console goes on. A port that comes back and fails at once
// is one failure, with one patience.
func (c *Console) reopen(cause error) bool {
	if c.reopenCfg.Open == nil || c.isClosed() {
		return false
	}
	began := c.clk.Now()
	afresh := began.Sub(c.reopenedAt) > c.reopenCfg.Timeout
	if afresh {
		c.reopenDeadline = began.Add(c.reopenCfg.Timeout)
		c.note(fmt.Sprintf("the console port is away: %v", cause))
	}
	c.mu.Lock()
	c.portErr, c.wasAway = cause, cause
	old := c.port
	c.mu.Unlock()
	old.Close()
	ctx, cancel := clock.WithTimeout(context.Background(), c.clk, c.reopenDeadline.Sub(began), errPatience)
	defer cancel()
	go func() {
		select {
		case <-c.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := errPatience
	for c.clk.Sleep(ctx, reopenInterval) == nil {
		var port io.ReadWriteCloser
		if port, err = c.reopenCfg.Open(ctx); err == nil && c.setPort(port) {
			if afresh {
				c.note(fmt.Sprintf("the console port is back after %s; what the board said meanwhile is lost", round(c.clk.Now().Sub(began))))
			}
			return true
		}
	}
	if !c.isClosed() {
		c.cause = fmt.Errorf("%w; it did not come back within %s: %w", cause, c.reopenCfg.Timeout, err)
	}
	return false
}

// setPort makes port the one that is open, unless the console was closed meanwhile.
func (c *Console) setPort(port io.ReadWriteCloser) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isClosed() {
		port.Close()
		return false
	}
	c.port, c.portErr = port, nil
	c.reopenedAt = c.clk.Now()
	c.lastByteAt = c.reopenedAt
	c.gaps++
	if c.capture != nil {
		c.capture.gap = true
	}
	close(c.reopened)
	c.reopened = make(chan struct{})
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
func (c *Console) gapped() bool { return c.Gaps() > c.syncedAtGap }

func (c *Console) note(text string) {
	if n, ok := c.recorder.(interface{ Note(time.Time, string) }); ok {
		n.Note(c.clk.Now(), text)
	}
}

// writeAll writes p, and goes on with what is left once a port that failed is back.
func (c *Console) writeAll(p []byte) error {
	for len(p) > 0 {
		c.mu.Lock()
		port, back := c.port, c.reopened
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
			if c.reopenCfg.Open == nil {
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
		c.pause()
	}
	return nil
}
