package engine

import (
	"context"

	"github.com/flashlua/flashlua/engine/console"
)

// powerGate refuses to switch the power of a board whose console is not connected: somebody else may be at work there,
// and what the board says would be lost. It belongs to the one goroutine that switches.
type powerGate struct {
	off  bool // the power was last switched off: an adapter or a server that lost its power with the board comes back when it is on
	lost bool // the console was lost since the power was last switched, and opened again
}

// check returns the reason why the power must not be switched.
func (g *powerGate) check(ctx context.Context, con *console.Console) error {
	if g.off {
		return nil
	}
	if err := con.Connected(ctx); err != nil || !g.lost {
		return err
	}
	if err := con.StaysConnected(ctx); err != nil {
		return err
	}
	g.lost = false
	return nil
}

// switched notes what the driver did.
func (g *powerGate) switched(to PowerState, err error) { g.off = err == nil && to == PowerOff }

// checkConnected is the last thing before the board is touched.
func (r *run) checkConnected(ctx context.Context) error {
	if r.power == nil {
		return nil
	}
	return r.gate.check(ctx, r.console)
}
