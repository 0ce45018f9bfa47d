// Package clock is where time comes from. Nothing else in flashlua reads the clock, sleeps or starts a timer, so that
// every wait can run on a virtual clock. It knows nothing of what is being timed.
package clock

import (
	"context"
	"sync"
	"time"
)

// Clock tells the time and wakes.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f in its own goroutine after d, unless stop is called first.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
	// Sleep waits for d or until ctx is done, in which case it answers context.Cause(ctx).
	Sleep(ctx context.Context, d time.Duration) error
}

// Real is the system's clock.
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

// WithTimeout gives a context that c ends after d with a cause. No deadline is set on it: only c knows the time.
func WithTimeout(ctx context.Context, c Clock, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := c.AfterFunc(d, func() { cancel(cause) })
	return ctx, func() {
		stop()
		cancel(context.Canceled)
	}
}

// Virtual is a clock that moves only when somebody sleeps on it: Sleep returns at once, with every timer that fell due
// on the way fired in order. The zero value starts at the Unix epoch. It is for one sleeping goroutine.
type Virtual struct {
	mu     sync.Mutex
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

// next moves the clock to the first timer that is due by until and gives it, or moves it to until and gives nil.
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
