package console

import (
	"context"

	"github.com/flashlua/flashlua/classify"
)

// connector is a port that can report whether it leads to the console. A serial port cannot.
type connector interface {
	Connected(context.Context) error
}

// Connected waits until the port leads to the console, and returns the reason if it does not. It is meant for the
// moment before the board's power is switched: a board whose console is in use elsewhere must not be reset. A port
// that is no connector may be lost at that moment, because its adapter may get its power from the board.
func (c *Console) Connected(ctx context.Context) error {
	const doing = "waiting for the console port"
	for {
		port, isConnector := c.port.current().(connector)
		if !isConnector {
			return nil
		}
		reconnected := c.port.reconnected()
		if reconnected == nil {
			if err := port.Connected(ctx); err != nil {
				return c.Fail(err)
			}
			if reconnected = c.port.reconnected(); reconnected == nil {
				break
			}
		}
		select {
		case <-reconnected:
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

// StaysConnected waits whether a port that was opened again stays open: a server may hang up long after it has
// accepted a connection. It waits for Reopen.Timeout, and returns an error if the port is lost meanwhile.
func (c *Console) StaysConnected(ctx context.Context) error {
	if _, ok := c.port.current().(connector); !ok {
		return nil
	}
	const doing = "waiting whether the console port stays"
	gaps := c.Gaps()
	for until := c.clk.Now().Add(c.port.cfg.Timeout); c.clk.Now().Before(until); {
		if err := c.clk.Sleep(ctx, reopenInterval); err != nil {
			return c.Fail(classify.Wrap(err, "", "%s", doing))
		}
		select {
		case <-c.lost:
			return c.lostError(doing)
		default:
		}
		if c.port.reconnected() != nil || c.Gaps() != gaps {
			return c.Fail(classify.Wrap(c.port.lastLoss(), classify.TransportLost, "the console was lost once more while %s", doing))
		}
	}
	return nil
}
