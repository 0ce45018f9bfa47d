package engine

import (
	"context"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/power"
)

// defaultPowerTimeout bounds one action of a power driver that needs no longer.
const defaultPowerTimeout = 15 * time.Second

// driverControl switches by a power driver: one action at a time, each within the driver's own timeout. One
// goroutine at a time uses it, but for actions that were abandoned.
type driverControl struct {
	driver power.Driver // nil: a person switches the board
	name   string       // for messages: "the power driver"
	clock  clock.Clock
	turns  powerTurns
}

// timeout bounds one action of the driver.
func (c *driverControl) timeout() time.Duration {
	if d, ok := c.driver.(power.Slow); ok {
		return d.Timeout()
	}
	return defaultPowerTimeout
}

// check asks the driver whether it could switch.
func (c *driverControl) check(ctx context.Context) error {
	if c.driver == nil {
		return nil
	}
	return c.do(ctx, classify.PowerUnavailable, c.driver.Check)
}

// switchTo switches on or off.
func (c *driverControl) switchTo(ctx context.Context, state PowerState) error {
	if state == PowerOn {
		return c.do(ctx, classify.Power, c.driver.On)
	}
	return c.do(ctx, classify.Power, c.driver.Off)
}

// do performs an action. An error of the kind late ends one that takes too long.
func (c *driverControl) do(ctx context.Context, late classify.Kind, action func(context.Context) error) error {
	limit := c.timeout()
	timedOut := classify.New(late, "%s did not answer within %s", c.name, limit)
	release := c.turns.acquire(c.clock)
	ctx, cancel := clock.WithTimeout(ctx, c.clock, limit, timedOut)
	defer cancel()
	_, err := callAbandonable(ctx, c.clock, c.name, func() (struct{}, error) {
		defer release()
		return struct{}{}, recovered(func() error { return action(ctx) })
	}, func(struct{}) {})
	return err
}

// powerTurns serializes power actions, abandoned ones included: a late "on" must not follow "off".
type powerTurns chan struct{}

func newPowerTurns() powerTurns { return make(powerTurns, 1) }

// acquire waits until the former action has ended, but at most driverGrace: one that ignores its context is not
// waited for.
func (t powerTurns) acquire(clk clock.Clock) (release func()) {
	timedOut, stop := clock.After(clk, driverGrace)
	defer stop()
	select {
	case t <- struct{}{}:
		return func() { <-t }
	case <-timedOut:
		return func() {}
	}
}
