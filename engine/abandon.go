package engine

import (
	"context"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// driverGrace is how long a driver may take to return after its context ended: it may have to stop a command.
const driverGrace = 1500 * time.Millisecond

// callAbandonable calls f, which should end with ctx. If f has not returned driverGrace after ctx ended,
// callAbandonable returns without it; drop is then called with a value that f returns later.
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
	timedOut, stop := clock.After(clk, driverGrace)
	defer stop()
	select {
	case r := <-done:
		return r.v, r.err
	case <-timedOut:
	}
	go func() {
		if r := <-done; r.err == nil {
			drop(r.v)
		}
	}()
	var none T
	return none, classify.Wrap(context.Cause(ctx), "", "%s did not return when it was cancelled", what)
}
