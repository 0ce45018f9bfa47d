package clock

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestVirtualFiresInOrder(t *testing.T) {
	var v Virtual
	start := v.Now()
	var fired []time.Duration
	at := func() { fired = append(fired, v.Now().Sub(start)) }
	v.AfterFunc(3*time.Hour, at)
	v.AfterFunc(time.Hour, at)
	stop := v.AfterFunc(2*time.Hour, at)
	if !stop() || stop() {
		t.Error("stop() twice is not true, then false; want whether the timer was pending")
	}
	if err := v.Sleep(t.Context(), 4*time.Hour); err != nil {
		t.Fatal(err)
	}
	if len(fired) != 2 || fired[0] != time.Hour || fired[1] != 3*time.Hour || v.Now().Sub(start) != 4*time.Hour {
		t.Errorf("Sleep(4h) called the timers at %v and ended at %v; want [1h 3h] and 4h", fired, v.Now().Sub(start))
	}
}

func TestWithTimeout(t *testing.T) {
	late := errors.New("late")
	for name, c := range map[string]Clock{"real": Real{}, "virtual": &Virtual{}} {
		start := c.Now()
		ctx, cancel := WithTimeout(t.Context(), c, 10*time.Millisecond, late)
		if err := c.Sleep(ctx, time.Hour); !errors.Is(err, late) {
			t.Errorf("%s: Sleep() = %v; want %v", name, err, late)
		}
		if passed := c.Now().Sub(start); passed < 10*time.Millisecond || passed > time.Minute {
			t.Errorf("%s: Sleep() returned after %v; want 10ms to 1m", name, passed)
		}
		cancel()
		ctx, cancel = WithTimeout(t.Context(), c, time.Hour, late)
		cancel()
		if err := context.Cause(ctx); err != context.Canceled {
			t.Errorf("%s: the cause after cancel() = %v; want %v", name, err, context.Canceled)
		}
	}
}

func TestAfter(t *testing.T) {
	var v Virtual
	passed, _ := After(&v, time.Minute)
	stopped, stop := After(&v, time.Minute)
	if !stop() {
		t.Error("stop() = false before the time; want true")
	}
	isClosed := func(ch <-chan struct{}) bool {
		select {
		case <-ch:
			return true
		default:
			return false
		}
	}
	if isClosed(passed) {
		t.Error("After(1m) is closed at once; want it open")
	}
	v.Sleep(t.Context(), time.Minute)
	if !isClosed(passed) || isClosed(stopped) {
		t.Errorf("After(1m) is closed after 1m: %t, after stop(): %t; want true, false", isClosed(passed), isClosed(stopped))
	}
}
