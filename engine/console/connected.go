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
		port, back := c.line(), c.whenBack()
		p, tells := port.(interface{ Connected(context.Context) error })
		if !tells {
			return nil
		}
		if back == nil {
			if err := p.Connected(ctx); err != nil {
				return c.Fail(err)
			}
			if back = c.whenBack(); back == nil {
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
