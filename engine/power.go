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

// PowerState is a state of the board's power. Its values are constants: safe for concurrent use.
type PowerState string

const (
	PowerOff  PowerState = "off"
	PowerOn   PowerState = "on"
	PowerKeep PowerState = "keep"
)

// PowerAfter is the power state that a run leaves, by its outcome. An empty field means off.
// Plain data: safe for concurrent use while nothing changes it.
type PowerAfter struct{ Success, Failure, Cancel PowerState }

// state returns the state for a run that ended with failure, nil after success.
func (a PowerAfter) state(failure error) PowerState {
	want := a.Success
	switch {
	case failure != nil && (classify.Find(failure, classify.RunInterrupted) != nil || classify.Find(failure, classify.RunCancelled) != nil):
		want = a.Cancel
	case failure != nil:
		want = a.Failure
	}
	if want != PowerKeep && want != PowerOn {
		want = PowerOff
	}
	return want
}

// powerControl switches a board by a driver: one action at a time, each within the driver's own timeout. One
// goroutine at a time uses it, but for actions that were abandoned.
type powerControl struct {
	driver power.Driver // nil: a person switches the board
	clock  clock.Clock
	events *emitter
	turns  powerTurns
	after  PowerAfter
	used   bool // the run may have switched the board, so that applyAfter has to
}

// timeout bounds one action of the driver.
func (p *powerControl) timeout() time.Duration {
	if d, ok := p.driver.(power.Slow); ok {
		return d.Timeout()
	}
	return defaultPowerTimeout
}

// check asks the driver whether it could switch.
func (p *powerControl) check(ctx context.Context) error {
	if p.driver == nil {
		return nil
	}
	return p.do(ctx, p.driver.Check)
}

// switchTo switches the board on or off.
func (p *powerControl) switchTo(ctx context.Context, state PowerState) error {
	if state == PowerOn {
		return p.do(ctx, p.driver.On)
	}
	return p.do(ctx, p.driver.Off)
}

func (p *powerControl) do(ctx context.Context, action func(context.Context) error) error {
	limit := p.timeout()
	timedOut := classify.New(classify.Power, "the power driver did not answer within %s", limit)
	release := p.turns.acquire(p.clock)
	ctx, cancel := clock.WithTimeout(ctx, p.clock, limit, timedOut)
	defer cancel()
	_, err := callAbandonable(ctx, p.clock, "the power driver", func() (struct{}, error) {
		defer release()
		return struct{}{}, recovered(func() error { return action(ctx) })
	}, func(struct{}) {})
	return err
}

// rest waits between off and on, unless the driver resets the board at once.
func (p *powerControl) rest(ctx context.Context, offTime time.Duration) error {
	if _, instant := p.driver.(power.Instant); instant || p.driver == nil {
		return nil
	}
	return p.clock.Sleep(ctx, offTime)
}

// applyAfter leaves the board in the state for the outcome, if the run used its power. The end of ctx does not end
// it.
func (p *powerControl) applyAfter(ctx context.Context, failure error) error {
	if !p.used || p.driver == nil {
		return nil
	}
	want := p.after.state(failure)
	if want == PowerKeep {
		p.events.emit(Event{Type: EventPower, Text: "left as it is"})
		return nil
	}
	e := Event{Type: EventPower, Text: string(want)}
	err := classify.Wrap(p.switchTo(context.WithoutCancel(ctx), want), "", "could not switch the board %s", want)
	if err != nil {
		e.Error = err.Error()
	}
	p.events.emit(e)
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
