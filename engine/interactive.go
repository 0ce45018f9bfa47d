package engine

import (
	"context"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
)

// BoardState is where a board can be brought to. Its values are constants: safe for concurrent use.
type BoardState string

const (
	BoardAsIs  BoardState = ""      // nothing is done: only the console is opened
	BoardUBoot BoardState = "uboot" // a prompt of U-Boot that answers
	BoardLinux BoardState = "linux" // a shell of the Linux that the policy boots
)

// ResultReached is the result of a report when the board was where it should be, and whoever used it ended well.
const ResultReached = "reached"

// Interactive brings a board to a place, in one attempt, and lends its console to use. The deadlines are for the way there;
// use ends with its context. Of the job it takes Port, Power and FilesDir. Everything is cleaned up afterwards, but the
// board's power is left as it is, whatever the policy's power_after says: a person was at work. The report is never nil.
func (e Engine) Interactive(ctx context.Context, p *Policy, j Job, to BoardState, use func(context.Context, *console.Console) error) *Report {
	done, err := e.simulate(p, j)
	defer done()
	r := e.newRun(ctx, p, j)
	var d classify.Decision
	if err == nil {
		err = r.recoverPanic(func() error { return r.prepareInteractive(to) })
	}
	if err != nil {
		d = (&classify.Classifier{OnUnknown: r.logUnknown}).Decide(context.Cause(r.ctx), err)
	} else if err := r.runInteractive(to, use); err != nil {
		d = r.classifyError(r.ctx, classify.WithTarget(classify.WithAttempt(err, 1), r.mediaState()))
	}
	r.cleanUp()
	if d.Err != nil {
		return r.finish(d)
	}
	r.emit(Event{Type: EventEnd, Text: ResultReached})
	rep := &Report{Result: ResultReached, Board: p.Name, Attempt: 1, Target: TargetReport{State: r.mediaState()}, Duration: r.Clock.Now().Sub(r.started)}
	r.endEvents(rep)
	return rep
}

// runInteractive goes to the place and lends the console. Whoever uses it may do anything to the medium.
func (r *run) runInteractive(to BoardState, use func(context.Context, *console.Console) error) error {
	r.touched = true // from now on a failure is one of the board's
	r.attemptNumber.Store(1)
	if err := r.transition(to); err != nil {
		return err
	}
	r.markMedia(Unknown)
	return r.recoverPanic(func() error { return use(r.ctx, r.console) })
}

// prepareInteractive opens what the way needs.
func (r *run) prepareInteractive(to BoardState) error {
	if err := r.resolveLimits(); err != nil {
		return err
	}
	steps := []func(context.Context) error{r.checkPower, r.openConsole, r.checkConnected}
	switch to {
	case BoardAsIs:
		steps = steps[:2] // the power is left alone
	case BoardLinux:
		steps = []func(context.Context) error{r.findBootFiles, r.checkPower, r.openConsole, r.startServers, r.checkConnected}
	}
	for _, do := range steps {
		if err := do(r.ctx); err != nil {
			return err
		}
	}
	return nil
}

// transition goes there.
func (r *run) transition(to BoardState) error {
	if to == BoardAsIs {
		return nil
	}
	late := classify.WithHint(classify.New(classify.DeadlineAttempt, "the board was not at %s within %s", to, r.limits.Attempt), "raise limits.attempt in the policy")
	ctx, cancel := clock.WithTimeout(r.ctx, r.Clock, r.limits.Attempt, late)
	defer cancel()
	return r.callScript(ctx, func() error { return r.policy.Transition(ctx, &Session{run: r}, to) })
}
