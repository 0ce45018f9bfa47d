package engine

import (
	"context"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
)

// Place is where a board can be brought to. Its values are constants: safe for concurrent use.
type Place string

const (
	AsItIs  Place = ""      // nothing is done: only the console is opened
	AtUBoot Place = "uboot" // a prompt of U-Boot that answers
	AtLinux Place = "linux" // a shell of the Linux that the policy boots
)

// Reached is the result of a report when the board was where it should be, and whoever used it ended well.
const Reached = "reached"

// Reach brings a board to a place, in one attempt, and lends its console to use. The deadlines are for the way there;
// use ends with its context. Of the job it takes Port, Power and FilesDir. Everything is cleaned up afterwards, but the
// board's power is left as it is, whatever the policy's power_after says: a person was at work. The report is never nil.
func (e Engine) Reach(ctx context.Context, p *Policy, j Job, to Place, use func(context.Context, *console.Console) error) *Report {
	r := e.newRun(ctx, p, j)
	var d classify.Decision
	if err := r.guard(func() error { return r.planReach(to) }); err != nil {
		d = (&classify.Classifier{OnUnknown: r.unknown}).Decide(context.Cause(r.ctx), err)
	} else if err := r.lend(to, use); err != nil {
		d = r.decide(r.ctx, classify.WithTarget(classify.WithAttempt(err, 1), r.mediumState()))
	}
	r.cleanUp()
	if d.Err != nil {
		return r.finish(d)
	}
	r.emit(Event{Type: EventEnd, Text: Reached})
	rep := &Report{Result: Reached, Board: p.Name, Attempt: 1, Target: TargetReport{State: r.mediumState()}, Duration: r.Clock.Now().Sub(r.began)}
	r.endEvents(rep)
	return rep
}

// lend goes to the place and lends the console. Whoever uses it may do anything to the medium.
func (r *run) lend(to Place, use func(context.Context, *console.Console) error) error {
	r.powered = true // from now on a failure is one of the board's
	r.attempt.Store(1)
	if err := r.reach(to); err != nil {
		return err
	}
	r.mark(Unknown)
	return r.guard(func() error { return use(r.ctx, r.console) })
}

// planReach opens what the way needs.
func (r *run) planReach(to Place) error {
	if err := r.bound(); err != nil {
		return err
	}
	steps := []func(context.Context) error{r.planPower, r.planConsole, r.planConnected}
	switch to {
	case AsItIs:
		steps = steps[:2] // the power is left alone
	case AtLinux:
		steps = []func(context.Context) error{r.planFiles, r.planPower, r.planConsole, r.planServers, r.planConnected}
	}
	for _, do := range steps {
		if err := do(r.ctx); err != nil {
			return err
		}
	}
	return nil
}

// reach goes there.
func (r *run) reach(to Place) error {
	if to == AsItIs {
		return nil
	}
	late := classify.WithHint(classify.New(classify.DeadlineTry, "the board was not at %s within %s", to, r.limits.Attempt), "raise limits.attempt in the policy")
	ctx, cancel := clock.WithTimeout(r.ctx, r.Clock, r.limits.Attempt, late)
	defer cancel()
	return r.ask(ctx, func() error { return r.policy.Reach(ctx, &Session{run: r}, to) })
}
