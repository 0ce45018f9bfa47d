package console

import (
	"context"

	"github.com/flashlua/flashlua/classify"
)

// Connected waits until the port leads to the console, and returns the reason if it does not. It is for the moment before
// the board's power is switched: a board whose console is another's must not be reset. A port that cannot tell, a serial
// port, may be away: its adapter may have its power from the board.
func (c *Console) Connected(ctx context.Context) error {
	const doing = "waiting for the console port"
	for {
		port, back := c.currentPort(), c.reconnected()
		p, tells := port.(interface{ Connected(context.Context) error })
		if !tells {
			return nil
		}
		if back == nil {
			if err := p.Connected(ctx); err != nil {
				return c.Fail(err)
			}
			if back = c.reconnected(); back == nil {
				break
			}
		}
		select {
		case <-back:
		case <-c.lost:
			return c.lostError(doing)
		case <-ctx.Done():
			return c.Fail(classify.Wrap(context.Cause(ctx), "", "the console port is away"))
		}
	}
	select {
	case <-c.lost:
		return c.lostError(doing)
	default:
		return nil
	}
}

// Stays is Connected for a console whose port was lost: a server may refuse long after it took the connection. It waits as
// long as a port that is away is waited for, and returns an error if the port is away meanwhile.
func (c *Console) Stays(ctx context.Context) error {
	if _, tells := c.currentPort().(interface{ Connected(context.Context) error }); !tells {
		return nil
	}
	const doing = "waiting whether the console port stays"
	gaps := c.Gaps()
	for until := c.clk.Now().Add(c.reopenCfg.Timeout); c.clk.Now().Before(until); {
		if err := c.clk.Sleep(ctx, reopenInterval); err != nil {
			return c.Fail(classify.Wrap(err, "", "%s", doing))
		}
		select {
		case <-c.lost:
			return c.lostError(doing)
		default:
		}
		if c.reconnected() == nil && c.Gaps() == gaps {
			continue
		}
		c.mu.Lock()
		cause := c.wasAway
		c.mu.Unlock()
		return c.Fail(classify.Wrap(cause, classify.TransportLost, "the console was lost once more while %s", doing))
	}
	return nil
}
