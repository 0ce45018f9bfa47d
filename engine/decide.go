package engine

import (
	"context"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// hookTimeout bounds one call of a policy's classify or backoff. It is long because the Lua work of a hook has
// limits of its own, which a loaded station must reach first.
const hookTimeout = 10 * time.Minute

// decider classifies errors and chooses the wait before the next attempt: by the built-in rules, and by those of a
// policy.
type decider struct {
	clock  clock.Clock
	script *scriptCaller
	events *emitter
	rules  []classify.NamedRule // of the embedder
	policy *Policy              // nil: only the rules of Go
}

// builtin classifies an error by the built-in rules. ctx is the run's.
func (d *decider) builtin(ctx context.Context, err error) classify.Decision {
	return (&classify.Classifier{Own: d.rules, OnUnknown: d.events.unknown}).Decide(context.Cause(ctx), err)
}

// decide classifies an error. ctx is that of the caller: the policy's classify ends with it.
func (d *decider) decide(ctx context.Context, err error) classify.Decision {
	rules := classify.Classifier{Own: d.rules, OnUnknown: d.events.unknown}
	if d.policy != nil && d.policy.Classify != nil {
		rules.Override = func(err error, next func(error) classify.Class) (classify.Class, error) {
			return d.classifyByPolicy(ctx, err, next)
		}
	}
	return rules.Decide(context.Cause(ctx), err)
}

func (d *decider) classifyByPolicy(ctx context.Context, err error, next func(error) classify.Class) (class classify.Class, hookErr error) {
	hookErr = d.callHook(ctx, "classify", func(ctx context.Context) (err2 error) {
		class, err2 = d.policy.Classify(ctx, err, next)
		return err2
	})
	return class, hookErr
}

// nextWait returns the wait after the n-th failure, n counted from 0. An error of the policy's backoff becomes a
// secondary one of err, and the wait is then that of b.
func (d *decider) nextWait(ctx context.Context, n int, err error, b classify.Backoff) (time.Duration, error) {
	if d.policy == nil || d.policy.Backoff == nil {
		return b.Wait(n), err
	}
	var wait time.Duration
	hookErr := d.callHook(ctx, "backoff", func(ctx context.Context) (err2 error) {
		wait, err2 = d.policy.Backoff(ctx, n, err, func(n int, _ error) time.Duration { return b.Wait(n) })
		return err2
	})
	if hookErr != nil {
		return b.Wait(n), classify.WithSecondary(err, hookErr)
	}
	return wait, err
}

// callHook calls a hook of the policy, and notes its error.
func (d *decider) callHook(ctx context.Context, name string, f func(context.Context) error) error {
	timedOut := classify.New(classify.ScriptLimit, "the policy's %s took longer than %s", name, hookTimeout)
	hookCtx, cancel := clock.WithTimeout(ctx, d.clock, hookTimeout, timedOut)
	defer cancel()
	err := classify.Wrap(d.script.call(ctx, hookCtx, func() error { return f(hookCtx) }), "", "the policy's %s failed", name)
	if err != nil {
		d.events.note(err.Error())
	}
	return err
}
