package engine

import (
	"context"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/power"
)

// How a run ends: the power as the policy wants it, and everything undone.

// applyPowerAfter puts the board into the state that its policy wants for the outcome.
func (r *run) applyPowerAfter(failure error) {
	if !r.touched || r.power == nil {
		return
	}
	want := r.policy.PowerAfter.Success
	switch {
	case failure != nil && classify.Find(failure, classify.RunInterrupted) != nil:
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
	err := r.withPowerTimeout(context.WithoutCancel(r.ctx), do)
	e := Event{Type: EventPower, Text: string(want)}
	if err != nil {
		r.report.powerError = classify.Wrap(err, "", "the board could not be switched %s", want)
		e.Error = r.report.powerError.Error()
	}
	r.emit(e)
}

// withPowerTimeout does one action of the driver, within its own time.
func (r *run) withPowerTimeout(ctx context.Context, do func(context.Context) error) error {
	return r.withDriverTimeout(ctx, r.power, do)
}

func (r *run) withDriverTimeout(ctx context.Context, d power.Driver, do func(context.Context) error) error {
	limit := powerTimeoutOf(d)
	late := classify.New(classify.Power, "the power driver did not answer within %s", limit)
	give := r.turns.take(r.Clock)
	ctx, cancel := clock.WithTimeout(ctx, r.Clock, limit, late)
	defer cancel()
	_, err := callAbandonable(ctx, r.Clock, "the power driver", func() (struct{}, error) {
		defer give()
		return struct{}{}, r.recoverPanic(func() error { return do(ctx) })
	}, func(struct{}) {})
	return err
}

// powerTimeout bounds one action of the run's driver.
func (r *run) powerTimeout() time.Duration { return powerTimeoutOf(r.power) }

func powerTimeoutOf(d power.Driver) time.Duration {
	if p, ok := d.(power.Slow); ok {
		return p.Timeout()
	}
	return defaultPowerTimeout
}

// cleanup is one thing to undo.
type cleanup struct {
	name string
	undo func() error
}

// onCleanup puts something on the clean-up stack.
func (r *run) onCleanup(name string, undo func() error) {
	r.cleanups = append(r.cleanups, cleanup{name, undo})
}

// cleanUp undoes everything, last first. Every entry is tried and has undoTime; their errors are shown beside the
// primary one and change no verdict.
func (r *run) cleanUp() {
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		c := r.cleanups[i]
		if err := classify.Wrap(r.runCleanup(c), "", "clean-up of the %s", c.name); err != nil {
			r.report.secondary = append(r.report.secondary, err)
			r.emit(Event{Type: EventCleanup, Error: err.Error()})
		}
	}
}

func (r *run) runCleanup(c cleanup) error {
	late, done := make(chan struct{}), make(chan error, 1)
	defer r.Clock.AfterFunc(cleanupTimeout, func() { close(late) })()
	go func() { done <- r.recoverPanic(c.undo) }()
	select {
	case err := <-done:
		return err
	case <-late:
		return classify.New(classify.Internal, "it did not end within %s", cleanupTimeout)
	case <-r.Hurry:
	}
	hurried := make(chan struct{})
	defer r.Clock.AfterFunc(hurriedCleanupTimeout, func() { close(hurried) })()
	select {
	case err := <-done:
		return err
	case <-hurried:
		return classify.New(classify.Internal, "it did not end within %s, which is all that it had in a hurry", hurriedCleanupTimeout)
	}
}
