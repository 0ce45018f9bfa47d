package engine

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// What a policy is asked, and what becomes of a policy that panics or does not return.

// callScript calls into the policy. A policy that does not return when its context ended is left behind for good: the board
// must still be switched off.
func (r *run) callScript(ctx context.Context, f func() error) error {
	if r.scriptHung.Load() {
		return classify.New(classify.ScriptLimit, "the script did not return from an earlier call")
	}
	done := make(chan error, 1)
	go func() { done <- r.recoverPanic(f) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	if r.nestedRun != nil { // a board that the program flashes is switched off first, which has its own bounds
		r.nestedRun <- struct{}{}
		<-r.nestedRun
	}
	grace := make(chan struct{})
	defer r.Clock.AfterFunc(scriptReturnGrace, func() { close(grace) })()
	select {
	case err := <-done:
		return err
	case <-grace:
	case <-r.Hurry:
	}
	r.scriptHung.Store(true)
	deaf := classify.New(classify.ScriptLimit, "the script did not return within %s of its end", scriptReturnGrace)
	if cause := context.Cause(r.ctx); cause != nil {
		return classify.WithSecondary(cause, deaf)
	}
	return classify.WithSecondary(deaf, context.Cause(ctx))
}

// recoverPanic turns a panic into an error that no policy can override.
func (r *run) recoverPanic(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = classify.FromPanic(v)
		}
	}()
	return f()
}

// classifyError judges an error. ctx is that of whoever asks: the policy's opinion ends with it.
func (r *run) classifyError(ctx context.Context, err error) classify.Decision {
	rules := classify.Classifier{OnUnknown: r.logUnknown}
	if r.policy.Classify != nil {
		rules.Override = func(err error, next func(error) classify.Class) (classify.Class, error) {
			return r.classifyByPolicy(ctx, err, next)
		}
	}
	return rules.Decide(context.Cause(r.ctx), err)
}

func (r *run) classifyByPolicy(ctx context.Context, err error, next func(error) classify.Class) (class classify.Class, perr error) {
	ctx, cancel := r.withHookTimeout(ctx, "classify")
	defer cancel()
	perr = r.callScript(ctx, func() (err2 error) {
		class, err2 = r.policy.Classify(ctx, err, next)
		return err2
	})
	if perr != nil {
		perr = classify.Wrap(perr, "", "the policy's classify failed")
		r.emit(Event{Type: EventNote, Text: perr.Error()})
	}
	return class, perr
}

func (r *run) withHookTimeout(ctx context.Context, name string) (context.Context, context.CancelFunc) {
	return clock.WithTimeout(ctx, r.Clock, hookTimeout, classify.New(classify.ScriptLimit, "the policy's %s took longer than %s", name, hookTimeout))
}

// nextWait gives the wait after the n-th failure, and the error with what the policy's own backoff did wrong.
func (r *run) nextWait(n int, err error) (time.Duration, error) {
	b := classify.Backoff{}
	if r.limits.Jitter > 0 {
		b.Jitter, b.Rand = r.limits.Jitter, rand.New(rand.NewPCG(uint64(r.started.UnixNano()), uint64(n)))
	}
	if r.policy.Backoff == nil {
		return b.Wait(n), err
	}
	ctx, cancel := r.withHookTimeout(r.ctx, "backoff")
	defer cancel()
	var wait time.Duration
	perr := r.callScript(ctx, func() (err2 error) {
		wait, err2 = r.policy.Backoff(ctx, n, err, func(n int, _ error) time.Duration { return b.Wait(n) })
		return err2
	})
	if perr != nil {
		perr = classify.Wrap(perr, "", "the policy's backoff failed")
		r.emit(Event{Type: EventNote, Text: perr.Error()})
		return b.Wait(n), classify.WithSecondary(err, perr)
	}
	return wait, err
}

// logUnknown logs an error that no rule knows.
func (r *run) logUnknown(err error, stack []byte) {
	r.emit(Event{Type: EventUnknown, Error: strings.Join(classify.Messages(err), ": "), Text: string(stack)})
}
