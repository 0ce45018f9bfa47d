package engine

import (
	"context"
	"slices"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/power"
)

// PowerState is a state of the board's power. Its values are constants: safe for concurrent use.
type PowerState string

const (
	PowerOff   PowerState = "off"
	PowerOn    PowerState = "on"
	PowerKeep  PowerState = "keep"  // after a run: as it is
	PowerCycle PowerState = "cycle" // after a run: off, and on again
)

// PowerAfterStates are the values of the fields of a PowerAfter.
var PowerAfterStates = []PowerState{PowerOff, PowerOn, PowerKeep, PowerCycle}

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
	if !slices.Contains(PowerAfterStates, want) {
		want = PowerOff
	}
	return want
}

// powerControl switches the power of a board. One goroutine at a time uses it, but for actions that were abandoned.
type powerControl struct {
	driverControl
	events  *emitter
	after   PowerAfter
	offTime time.Duration // between off and on in a power cycle
	used    bool          // the run may have switched the board, so that applyAfter has to
}

// rest waits between off and on, unless the driver resets the board at once.
func (p *powerControl) rest(ctx context.Context) error {
	if _, instant := p.driver.(power.Instant); instant || p.driver == nil {
		return nil
	}
	return p.clock.Sleep(ctx, p.offTime)
}

// timeAfter bounds what applyAfter does with the power driver.
func (p *powerControl) timeAfter() time.Duration {
	for _, state := range []PowerState{p.after.Success, p.after.Failure, p.after.Cancel} {
		if state == PowerCycle {
			return 2*p.timeout() + p.offTime
		}
	}
	return p.timeout()
}

// applyAfter leaves the board in the state for the outcome, if the run used its power. It calls leaveOutputs once,
// while the board is off if it is switched off. The end of ctx ends nothing of it.
func (p *powerControl) applyAfter(ctx context.Context, failure error, leaveOutputs func(context.Context) error) error {
	if !p.used {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	want := p.after.state(failure)
	if p.driver == nil {
		if want == PowerCycle {
			p.events.note("no power driver: reset the board by hand, power_after says cycle")
		}
		return leaveOutputs(ctx)
	}
	e := Event{Type: EventPower, Text: string(want)}
	var err error
	switch want {
	case PowerKeep:
		err = leaveOutputs(ctx)
		e.Text = "left as it is"
	case PowerOn:
		err = withSecondary(leaveOutputs(ctx), p.leave(ctx, PowerOn, &e))
	case PowerCycle:
		err = p.leave(ctx, PowerOff, &e)
		outputs := leaveOutputs(ctx)
		if err == nil {
			err = p.rest(ctx)
		}
		if err == nil {
			err = p.leave(ctx, PowerOn, &e)
		}
		err = withSecondary(err, outputs)
	default:
		err = p.leave(ctx, PowerOff, &e)
		p.events.emit(e)
		return withSecondary(err, leaveOutputs(ctx))
	}
	p.events.emit(e)
	return err
}

// leave switches the board for good. The event has the error.
func (p *powerControl) leave(ctx context.Context, state PowerState, e *Event) error {
	err := classify.Wrap(p.switchTo(ctx, state), "", "could not switch the board %s", state)
	if err != nil {
		e.Error = err.Error()
	}
	return err
}

// withSecondary returns the first of two errors, with the second one if there are two.
func withSecondary(first, second error) error {
	if first == nil {
		return second
	}
	return classify.WithSecondary(first, second)
}
