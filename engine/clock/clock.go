// Package clock is the source of time. No other package of flashlua reads the system's clock, sleeps or starts a
// timer, so that every wait can run on a virtual clock. The package does not know what is timed. It is used by
// programs that embed flashlua to run it on a clock of their own, see engine.Engine.
package clock

import (
	"context"
	"sync"
	"time"
)

// Clock returns the time and waits. It must be safe for concurrent use.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f in its own goroutine after d, unless stop is called first. stop reports whether it was in
	// time.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
	// Sleep waits for d and returns nil, or returns context.Cause(ctx) as soon as ctx is done.
	Sleep(ctx context.Context, d time.Duration) error
}

// Real is the system's clock. It is safe for concurrent use.
type Real struct{}

func (Real) Now() time.Time { return time.Now() }

func (Real) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

func (Real) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// After returns a channel that is closed after d on c, unless stop is called first. stop reports whether it was in
// time.
func After(c Clock, d time.Duration) (passed <-chan struct{}, stop func() bool) {
	ch := make(chan struct{})
	return ch, c.AfterFunc(d, func() { close(ch) })
}

// WithTimeout returns a context that c cancels after d with a cause. It has no deadline of its own, because only c
// knows the time.
func WithTimeout(ctx context.Context, c Clock, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := c.AfterFunc(d, func() { cancel(cause) })
	return ctx, func() {
		stop()
		cancel(context.Canceled)
	}
}

// Virtual is a clock for tests that moves only in Sleep: Sleep advances the clock by its duration, calls the
// function of each timer that is due meanwhile, in order, and returns. The zero value starts at the Unix epoch. It
// is safe for concurrent use, but one goroutine at a time may call Sleep.
type Virtual struct {
	mu     sync.Mutex // mu guards what follows
	now    time.Duration
	timers map[*timer]bool
}

type timer struct {
	at time.Duration
	f  func()
}

func (v *Virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return time.Unix(0, 0).Add(v.now)
}

func (v *Virtual) AfterFunc(d time.Duration, f func()) func() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.timers == nil {
		v.timers = map[*timer]bool{}
	}
	t := &timer{v.now + d, f}
	v.timers[t] = true
	return func() bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		pending := v.timers[t]
		delete(v.timers, t)
		return pending
	}
}

func (v *Virtual) Sleep(ctx context.Context, d time.Duration) error {
	v.mu.Lock()
	until := v.now + d
	v.mu.Unlock()
	for ctx.Err() == nil {
		t := v.next(until)
		if t == nil {
			return nil
		}
		t.f()
	}
	return context.Cause(ctx)
}

// next advances the clock to the first timer that is due by until and returns it. If there is none, it advances
// the clock to until and returns nil.
func (v *Virtual) next(until time.Duration) *timer {
	v.mu.Lock()
	defer v.mu.Unlock()
	var first *timer
	for t := range v.timers {
		if t.at <= until && (first == nil || t.at < first.at) {
			first = t
		}
	}
	if first == nil {
		v.now = max(v.now, until)
		return nil
	}
	delete(v.timers, first)
	v.now = max(v.now, first.at)
	return first
}
