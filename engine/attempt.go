package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// execute prepares the run, makes attempts and checks the new system, within the total time. It returns the decision
// on the last error.
func (r *boardRun) execute(ctx context.Context) classify.Decision {
	if err := recovered(r.resolve); err != nil {
		return r.decider.builtin(ctx, err)
	}
	timedOut := classify.WithHint(classify.New(classify.DeadlineTotal, "the total deadline of %s passed", r.limits.Total), "raise limits.total in the policy or --timeout")
	ctx, cancel := clock.WithTimeout(ctx, r.Clock, r.limits.Total, timedOut)
	defer cancel()
	if err := recovered(func() error { return r.prepare(ctx) }); err != nil {
		return r.decider.builtin(ctx, err)
	}
	r.events.emit(Event{Type: EventPlan, Text: r.planSummary()})
	if r.job.DryRun {
		return classify.Decision{}
	}
	r.power.used = true
	d := r.attemptLoop(ctx)
	if d.Err == nil && r.runsCheck() {
		return r.check(ctx)
	}
	return d
}

// attemptLoop makes attempts until one succeeds, one fails for good, or there is neither time nor a retry left. It
// returns the decision on the last error, the zero decision after success.
func (r *boardRun) attemptLoop(ctx context.Context) classify.Decision {
	var last error
	for n := 0; ; n++ {
		d, a := r.attempt(ctx, n, last)
		if d.Err == nil || d.Class == classify.Fatal || r.isLast(n) {
			return d
		}
		last = d.Err
		r.history.add(d.Err)
		b := classify.Backoff{}
		if r.limits.Jitter > 0 {
			b.Jitter, b.Rand = r.limits.Jitter, rand.New(rand.NewPCG(uint64(r.started.UnixNano()), uint64(n)))
		}
		var wait time.Duration
		wait, d.Err = r.decider.nextWait(ctx, n, d.Err, b)
		if wait >= r.remaining() {
			r.report.StopReason = fmt.Sprintf("the next attempt would begin after the total deadline of %s", r.limits.Total)
			return d
		}
		a.Wait = wait.String()
		r.events.emit(Event{Type: EventRetry, Wait: wait})
		if err := r.Clock.Sleep(ctx, wait); err != nil {
			return r.decider.decide(ctx, classify.WithSecondary(err, d.Err))
		}
	}
}

// isLast reports whether no retry is left after the n-th attempt, n counted from 0.
func (r *boardRun) isLast(n int) bool { return n >= *r.limits.Retries }

// attempt makes the n-th attempt, n counted from 0, and records it. last is the error of the attempt before.
func (r *boardRun) attempt(ctx context.Context, n int, last error) (classify.Decision, *Attempt) {
	r.events.beginAttempt(n + 1)
	r.events.emit(Event{Type: EventAttempt})
	began := r.Clock.Now()
	err := r.runAttempt(ctx, last)
	took := r.Clock.Now().Sub(began)
	if err == nil {
		a := r.report.addAttempt(n+1, took, classify.Decision{})
		r.events.emit(Event{Type: EventAttemptEnd, Took: took})
		return classify.Decision{}, a
	}
	d := r.decider.decide(ctx, classify.WithTarget(classify.WithAttempt(err, n+1, r.history.errors()...), string(r.ledger.state())))
	a := r.report.addAttempt(n+1, took, d)
	r.events.emit(Event{Type: EventAttemptEnd, Took: took, Error: d.Err.Error(), Kind: a.Kind, Class: a.Class, Rule: a.Rule, Step: a.Step, Last: d.Class == classify.Retry && r.isLast(n)})
	return d, a
}

// runAttempt calls the policy's flash function, and asks the ledger for the proof.
func (r *boardRun) runAttempt(run context.Context, last error) error {
	ctx := run
	if r.limits.Attempt < r.remaining() { // else the total deadline is earlier, and the one to report
		timedOut := classify.WithHint(classify.New(classify.DeadlineAttempt, "the attempt took longer than %s", r.limits.Attempt), "raise limits.attempt in the policy")
		var cancel context.CancelFunc
		ctx, cancel = clock.WithTimeout(ctx, r.Clock, r.limits.Attempt, timedOut)
		defer cancel()
	}
	ctx, stop := r.staging.cancelIfFailed(ctx)
	defer stop()
	r.ledger.beginAttempt()
	s := &Session{run: r, LastError: last}
	defer s.ended.Store(true)
	err := r.script.call(run, ctx, func() error {
		defer func() { r.console.EndEpoch(ctx, "the attempt is over") }()
		s.skipSecondConsoles()
		if err := s.resetOutputs(ctx); err != nil {
			return err
		}
		if err := r.policy.Flash(ctx, s); err != nil {
			return err
		}
		if err := s.write.refusal(); err != nil {
			return err
		}
		return s.reverify(ctx)
	})
	if cause := context.Cause(ctx); err == nil && cause != nil {
		err = cause
	}
	if err == nil {
		err = r.ledger.proofError()
	}
	return err
}
