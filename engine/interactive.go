package engine

import (
	"context"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
)

// BoardState is a state to which a board can be brought. Its values are constants: safe for concurrent use.
type BoardState string

const (
	BoardAsIs  BoardState = ""      // the console is opened, and nothing else is done
	BoardUBoot BoardState = "uboot" // at a prompt of U-Boot that answers
	BoardLinux BoardState = "linux" // at a shell of the Linux that the policy boots
)

// Interactive brings a board to a state, in one attempt, and calls use with its console. The limits are for
// reaching the state; use must end with its context. Of the job it uses Port, Power, FilesDir and Files. It leaves the
// board's power as it is, whatever the policy's power_after says. The report is never nil; its result is
// ResultReached if use returned nil.
func (e Engine) Interactive(ctx context.Context, p *Policy, j Job, to BoardState, use func(context.Context, *console.Console) error) *Report {
	e.begin()
	ctx = withValues(ctx)
	done, waited, err := e.holdAndSimulate(ctx, p, j, ModeConsole)
	defer done()
	r := e.newBoardRun(p, j, ModeConsole)
	r.report.Waited = waited
	if err == nil {
		err = recovered(func() error { return r.prepareInteractive(ctx, to) })
	}
	if err != nil {
		return r.finish(r.decider.builtin(ctx, err))
	}
	if err := r.interact(ctx, to, use); err != nil {
		return r.finish(r.decider.decide(ctx, classify.WithTarget(classify.WithAttempt(err, 1), string(r.ledger.state()))))
	}
	return r.finish(classify.Decision{})
}

// prepareInteractive opens what the state needs.
func (r *boardRun) prepareInteractive(ctx context.Context, to BoardState) error {
	if err := r.resolveLimits(); err != nil {
		return err
	}
	steps := []func(context.Context) error{r.power.check, r.openConsole, r.checkConnected}
	switch to {
	case BoardAsIs:
		steps = steps[:2] // the power is not switched
	case BoardLinux:
		steps = []func(context.Context) error{r.findBootFiles, r.power.check, r.openConsole, r.startServers, r.checkConnected}
	}
	return inOrder(ctx, steps)
}

// interact brings the board to the state and calls use, which may change the medium.
func (r *boardRun) interact(ctx context.Context, to BoardState, use func(context.Context, *console.Console) error) error {
	r.events.beginAttempt(1)
	if err := r.transition(ctx, to); err != nil {
		return err
	}
	r.ledger.mark(Unknown)
	return recovered(func() error { return use(ctx, r.console.Console) })
}

// transition has the policy bring the board to the state.
func (r *boardRun) transition(run context.Context, to BoardState) error {
	if to == BoardAsIs {
		return nil
	}
	timedOut := classify.WithHint(classify.New(classify.DeadlineAttempt, "the board was not at %s within %s", to, r.limits.Attempt), "raise limits.attempt in the policy")
	ctx, cancel := clock.WithTimeout(run, r.Clock, r.limits.Attempt, timedOut)
	defer cancel()
	return r.script.call(run, ctx, func() error { return r.policy.Transition(ctx, &Session{run: r}, to) })
}
