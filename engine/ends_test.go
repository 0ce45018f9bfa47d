package engine

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/transport"
)

// newTimedBench returns a bench on the clock of a synctest bubble, without a real socket.
func newTimedBench(t *testing.T, f func(ctx context.Context, s *Session) error) *bench {
	b := newBench(t, f)
	b.Clock = clock.Real{}
	b.Listen = func(context.Context, string, string) (net.Listener, error) {
		return quietListener{make(chan struct{})}, nil
	}
	return b
}

// chatty emits n notes and waits for the end of its context.
func chatty(n int) func(context.Context, *Session) error {
	return func(ctx context.Context, s *Session) error {
		for i := range n {
			s.Note(fmt.Sprint(i))
		}
		<-ctx.Done()
		return context.Cause(ctx)
	}
}

// TestASubscriberThatBlocks: the run ends at its deadline all the same, the board is off, and the report counts
// the lost events.
func TestASubscriberThatBlocks(t *testing.T) {
	for at, want := range map[EventType]int64{EventPlan: 1, EventNote: 1, EventPower: 0} {
		t.Run(string(at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				over := make(chan struct{})
				defer close(over)
				b := newTimedBench(t, chatty(2*maxEvents))
				b.Events = func(e Event) {
					if e.Type == at {
						<-over
					}
				}
				b.job.Timeout = 10 * time.Second
				began := time.Now()
				r := b.Run(t.Context(), b.policy, b.job)
				if took := time.Since(began); r.Exit != ExitDeadline || took > 10*time.Second+2*subscriberTimeout {
					t.Errorf("exit %d after %s; want %d, at most %s after 10 s", r.Exit, took, ExitDeadline, 2*subscriberTimeout)
				}
				if strings.Join(b.switched, " ") != "off" {
					t.Errorf("power was switched %v; want off", b.switched)
				}
				if len(r.Lost) != 1 || r.Lost[0].Output != "subscriber" || r.Lost[0].Lines < want {
					t.Errorf("lost %+v; want %d events or more", r.Lost, want)
				}
			})
		})
	}
}

// TestASlowSubscriberGetsEverything: it gets every event in order, even if it takes longer than the run waits for
// it.
func TestASlowSubscriberGetsEverything(t *testing.T) {
	for _, each := range []time.Duration{0, time.Millisecond, 50 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			b := newTimedBench(t, chatty(200))
			var got []string
			var mu sync.Mutex
			b.Events = func(e Event) {
				mu.Lock()
				defer mu.Unlock()
				time.Sleep(each)
				if e.Type == EventNote {
					got = append(got, e.Text)
				}
			}
			b.job.Timeout = 20 * time.Second
			r := b.Run(t.Context(), b.policy, b.job)
			mu.Lock()
			defer mu.Unlock()
			if len(got) != 200 || !slices.IsSortedFunc(got, func(a, b string) int { return len(a) - len(b) }) || r.Lost != nil {
				t.Errorf("each event takes %s: got %d notes, lost %+v; want 200", each, len(got), r.Lost)
			}
		})
	}
}

func TestASubscriberThatPanics(t *testing.T) {
	b := newBench(t, failing(noLease))
	b.Events = func(e Event) {
		if e.Type == EventAttempt {
			panic("oops")
		}
	}
	r := b.Run(t.Context(), b.policy, b.job)
	wantReport(t, r, ExitExhausted, classify.RuleRetry, classify.NetDHCPTimeout, 4)
	if got := strings.Join(r.Secondary, "\n"); got != "the subscriber of the events panicked: oops" || strings.Join(b.switched, " ") != "off" {
		t.Errorf("secondary = %q, power %v; want the panic, off", got, b.switched)
	}
}

// TestHurry: a run in a hurry waits at its end only for the power driver.
func TestHurry(t *testing.T) {
	for name, tt := range map[string]struct {
		hurry time.Duration // after the signal; 0 is never
		took  time.Duration // from the signal to the end
	}{
		"never":   {0, scriptReturnGrace + slowness + cleanupTimeout},
		"at once": {time.Millisecond, time.Millisecond + slowness + hurriedCleanupTimeout},
		"later":   {time.Second, time.Second + slowness + hurriedCleanupTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				over := make(chan struct{})
				defer close(over)
				b := newTimedBench(t, func(context.Context, *Session) error { <-over; return nil })
				b.OpenPower = func(string) (power.Driver, error) { return slow{b}, nil }
				b.OpenPort = func(context.Context, string, transport.Line) (transport.Port, error) {
					board, port := net.Pipe()
					t.Cleanup(func() { board.Close() })
					return slowToClose{port, over}, nil
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				hurry := make(chan struct{})
				b.Hurry = hurry
				const signal = time.Second
				time.AfterFunc(signal, func() { cancel(InterruptedBy("SIGTERM", 15)) })
				if tt.hurry > 0 {
					time.AfterFunc(signal+tt.hurry, func() { close(hurry) })
				}
				began := time.Now()
				r := b.Run(ctx, b.policy, b.job)
				if took := time.Since(began) - signal; r.Exit != 143 || took != tt.took || strings.Join(b.switched, " ") != "off" {
					t.Errorf("exit %d, %s after the signal, power %v; want 143, %s, off", r.Exit, took, b.switched, tt.took)
				}
			})
		})
	}
}

// slowToClose is a port whose Close returns when over is closed.
type slowToClose struct {
	transport.Port
	over <-chan struct{}
}

func (s slowToClose) Close() error {
	<-s.over
	return s.Port.Close()
}

// unresponsive is a driver whose actions ignore their context.
type unresponsive struct {
	*bench
	on, off, check time.Duration // how long they take
	hurried        bool          // the script is not waited for
	mu             *sync.Mutex   // guards switched
}

func (d unresponsive) Check(context.Context) error { time.Sleep(d.check); return nil }
func (d unresponsive) On(context.Context) error    { return d.act(d.on, "on") }
func (d unresponsive) Off(context.Context) error   { return d.act(d.off, "off") }

func (d unresponsive) act(took time.Duration, what string) error {
	time.Sleep(took)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.switched = append(d.switched, what)
	return nil
}

// TestDriversThatIgnoreTheirContext: their actions are abandoned, and "off" comes after a late "on".
func TestDriversThatIgnoreTheirContext(t *testing.T) {
	const long = time.Hour
	for name, tt := range map[string]struct {
		driver   unresponsive
		switched string
		took     time.Duration
		exit     ExitCode
	}{
		"check":      {unresponsive{check: long}, "", defaultPowerTimeout + driverGrace, ExitTempFail},
		"off":        {unresponsive{off: long}, "on", 20*time.Second + defaultPowerTimeout + driverGrace, ExitDeadline},
		"on":         {unresponsive{on: long}, "off", 20 * time.Second, ExitDeadline},
		"a late on":  {unresponsive{on: 21 * time.Second}, "on off", 21 * time.Second, ExitDeadline},
		"in a hurry": {unresponsive{on: 21 * time.Second, hurried: true}, "on off", 21 * time.Second, ExitDeadline},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTimedBench(t, func(ctx context.Context, s *Session) error {
					if err := s.PowerOn(ctx); err != nil {
						return err
					}
					<-ctx.Done()
					return context.Cause(ctx)
				})
				tt.driver.bench, tt.driver.mu = b, &sync.Mutex{}
				b.OpenPower = func(string) (power.Driver, error) { return tt.driver, nil }
				b.job.Timeout = 20 * time.Second
				if tt.driver.hurried {
					hurry := make(chan struct{})
					b.Hurry = hurry
					time.AfterFunc(b.job.Timeout+time.Millisecond, func() { close(hurry) })
				}
				began := time.Now()
				r := b.Run(t.Context(), b.policy, b.job)
				tt.driver.mu.Lock()
				took, switched := time.Since(began), strings.Join(b.switched, " ")
				tt.driver.mu.Unlock()
				if r.Exit != tt.exit || took < tt.took || took > tt.took+2*driverGrace || switched != tt.switched {
					t.Errorf("exit %d after %s, power %q; want %d after %s, %q\n%v", r.Exit, took, switched, tt.exit, tt.took, tt.switched, r.Err)
				}
				time.Sleep(2 * long)
			})
		})
	}
}

// TestAPortThatOpensTooLate: a port whose opening was abandoned is closed when it opens.
func TestAPortThatOpensTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTimedBench(t, failing(nil))
		board, port := net.Pipe()
		b.OpenPort = func(context.Context, string, transport.Line) (transport.Port, error) {
			time.Sleep(time.Minute)
			return port, nil
		}
		b.job.Timeout = 5 * time.Second
		began := time.Now()
		r := b.Run(t.Context(), b.policy, b.job)
		if took := time.Since(began); r.Exit != ExitDeadline || took != 5*time.Second+driverGrace || b.switched != nil {
			t.Errorf("exit %d after %s, power %v; want %d after %s, untouched\n%v", r.Exit, took, b.switched, ExitDeadline, 5*time.Second+driverGrace, r.Err)
		}
		if _, err := board.Read(make([]byte, 1)); err == nil {
			t.Error("Read at the other end succeeded; want an error, for the port is closed")
		}
	})
}
