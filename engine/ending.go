package engine

import (
	"context"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/power"
)

// How a run ends: the power as the policy wants it, and everything undone.

// setPower puts the board into the state that its policy wants for the outcome.
func (r *run) setPower(failure error) {
	if !r.powered || r.power == nil {
		return
	}
	want := r.policy.PowerAfter.Success
	switch {
	case failure != nil && classify.Find(failure, classify.Interrupted) != nil:
		want = r.policy.PowerAfter.Cancel
	case failure != nil:
		want = r.policy.PowerAfter.Failure
	}
	do := r.power.Off
	switch want {
	case PowerKeep:
		r.emit(Event{Type: EventPower, Text: "left as it is"})
		return
	case PowerOn:
		do = r.power.On
	default:
		want = PowerOff
	}
	err := r.switchPower(context.WithoutCancel(r.ctx), do)
	e := Event{Type: EventPower, Text: string(want)}
	if err != nil {
		r.report.powerError = classify.Wrap(err, "", "the board could not be switched %s", want)
		e.Error = r.report.powerError.Error()
	}
	r.emit(e)
}

// switchPower does one action of the driver, within its own time.
func (r *run) switchPower(ctx context.Context, do func(context.Context) error) error {
	return r.switchWith(ctx, r.power, do)
}

func (r *run) switchWith(ctx context.Context, d power.Driver, do func(context.Context) error) error {
	limit := patienceOf(d)
	late := classify.New(classify.Power, "the power driver did not answer within %s", limit)
	give := r.turns.take(r.Clock)
	ctx, cancel := clock.WithTimeout(ctx, r.Clock, limit, late)
	defer cancel()
	_, err := callBounded(ctx, r.Clock, "the power driver", func() (struct{}, error) {
		defer give()
		return struct{}{}, r.guard(func() error { return do(ctx) })
	}, func(struct{}) {})
	return err
}

// powerTime bounds one action of the run's driver.
func (r *run) powerTime() time.Duration { return patienceOf(r.power) }

func patienceOf(d power.Driver) time.Duration {
	if p, ok := d.(power.Patient); ok {
		return p.Patience()
	}
	return powerTime
}

// cleanup is one thing to undo.
type cleanup struct {
	name string
	undo func() error
}

// defers puts something on the clean-up stack.
func (r *run) defers(name string, undo func() error) {
	r.cleanups = append(r.cleanups, cleanup{name, undo})
}

// cleanUp undoes everything, last first. Every entry is tried and has undoTime; their errors are shown beside the
// primary one and change no verdict.
func (r *run) cleanUp() {
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		c := r.cleanups[i]
		if err := classify.Wrap(r.undo(c), "", "clean-up of the %s", c.name); err != nil {
			r.report.secondary = append(r.report.secondary, err)
			r.emit(Event{Type: EventCleanup, Error: err.Error()})
		}
	}
}

func (r *run) undo(c cleanup) error {
	late, done := make(chan struct{}), make(chan error, 1)
	defer r.Clock.AfterFunc(undoTime, func() { close(late) })()
	go func() { done <- r.guard(c.undo) }()
	select {
	case err := <-done:
		return err
	case <-late:
		return classify.New(classify.Internal, "it did not end within %s", undoTime)
	case <-r.Hurry:
	}
	hurried := make(chan struct{})
	defer r.Clock.AfterFunc(hurriedTime, func() { close(hurried) })()
	select {
	case err := <-done:
		return err
	case <-hurried:
		return classify.New(classify.Internal, "it did not end within %s, which is all that it had in a hurry", hurriedTime)
	}
}
