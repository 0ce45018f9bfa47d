package engine

import (
	"context"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/transport"
)

// driverGrace is how long a driver may take to return when its context has ended: it may have a command to end.
const driverGrace = 1500 * time.Millisecond

// callAbandonable runs f, which should end with ctx. An f that does not is left behind driverTime later; what it returns then is
// dropped.
func callAbandonable[T any](ctx context.Context, clk clock.Clock, what string, f func() (T, error), drop func(T)) (T, error) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
	}
	over := make(chan struct{})
	defer clk.AfterFunc(driverGrace, func() { close(over) })()
	select {
	case r := <-done:
		return r.v, r.err
	case <-over:
	}
	go func() {
		if r := <-done; r.err == nil {
			drop(r.v)
		}
	}()
	var none T
	return none, classify.Wrap(context.Cause(ctx), "", "%s did not return when it was cancelled", what)
}

// openPort is Engine.OpenPort, bounded.
func (r *run) openPort(ctx context.Context, spec string, line transport.Line) (transport.Port, error) {
	return callAbandonable(ctx, r.Clock, "the opening of the console port "+spec, func() (port transport.Port, err error) {
		err = r.recoverPanic(func() (err error) {
			port, err = r.OpenPort(ctx, spec, line)
			return err
		})
		return port, err
	}, func(port transport.Port) { port.Close() })
}

// turns lets one power action at a time happen, and the next one when the former has really ended: a late answer to "on" must
// not follow "off".
type turns chan struct{}

func newTurns() turns { return make(turns, 1) }

// take waits for the turn, for driverTime at most: an action that does not end with its context is overtaken.
func (t turns) take(clk clock.Clock) (give func()) {
	late := make(chan struct{})
	defer clk.AfterFunc(driverGrace, func() { close(late) })()
	select {
	case t <- struct{}{}:
		return func() { <-t }
	case <-late:
		return func() {}
	}
}
