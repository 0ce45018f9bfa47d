package engine

import (
	"context"

	"github.com/flashlua/flashlua/engine/console"
)

// powerGate refuses to switch the power of a board whose console is not connected: another client may be working
// on the board, and its output would be lost. One goroutine at a time uses it.
type powerGate struct {
	// off means that the power was last switched off. An adapter or a server that shares the board's supply has no
	// power either then, and is connected again only when the power is on.
	off  bool
	lost bool // the console was lost and opened again since the power was last switched
}

// check returns an error if the power must not be switched.
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

// switched records the result of a power action.
func (g *powerGate) switched(to PowerState, err error) { g.off = err == nil && to == PowerOff }
