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
		t.Error("stop() must tell whether the timer was pending")
	}
	if err := v.Sleep(t.Context(), 4*time.Hour); err != nil {
		t.Fatal(err)
	}
	if len(fired) != 2 || fired[0] != time.Hour || fired[1] != 3*time.Hour || v.Now().Sub(start) != 4*time.Hour {
		t.Errorf("fired at %v, now %v", fired, v.Now().Sub(start))
	}
}

func TestWithTimeout(t *testing.T) {
	late := errors.New("late")
	for name, c := range map[string]Clock{"real": Real{}, "virtual": &Virtual{}} {
		start := c.Now()
		ctx, cancel := WithTimeout(t.Context(), c, 10*time.Millisecond, late)
		if err := c.Sleep(ctx, time.Hour); !errors.Is(err, late) {
			t.Errorf("%s: Sleep = %v; want %v", name, err, late)
		}
		if passed := c.Now().Sub(start); passed < 10*time.Millisecond || passed > time.Minute {
			t.Errorf("%s: woke after %v", name, passed)
		}
		cancel()
		ctx, cancel = WithTimeout(t.Context(), c, time.Hour, late)
		cancel()
		if err := context.Cause(ctx); err != context.Canceled {
			t.Errorf("%s: cancelled with %v", name, err)
		}
	}
}
