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

// newTimedBench is a bench on the clock of a synctest bubble, without a real socket.
func newTimedBench(t *testing.T, f func(ctx context.Context, s *Session) error) *bench {
	b := newBench(t, f)
	b.Clock = clock.Real{}
	b.Listen = func(context.Context, string, string) (net.Listener, error) {
		return quietListener{make(chan struct{})}, nil
	}
	return b
}

// chatty emits n notes and waits for the end.
func chatty(n int) func(context.Context, *Session) error {
	return func(ctx context.Context, s *Session) error {
		for i := range n {
			s.Note(fmt.Sprint(i))
		}
		<-ctx.Done()
		return context.Cause(ctx)
	}
}

// TestASubscriberThatBlocks holds nothing up: the run ends at its deadline, the board is off, and the report
// counts what is lost.
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

// TestASlowSubscriberGetsEverything in order, even if it takes longer than the run waits for it.
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
		t.Errorf("beside it: %q, power %v", got, b.switched)
	}
}

// TestHurry skips every wait of the end but that for the power driver.
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
					return stiff{port, over}, nil
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

// stiff is a port that does not close before its end.
type stiff struct {
	transport.Port
	over <-chan struct{}
}

func (s stiff) Close() error {
	<-s.over
	return s.Port.Close()
}

// deaf is a driver whose actions ignore their context.
type deaf struct {
	*bench
	on, off, check time.Duration // how long they take
	hurried        bool          // the script is not waited for
	mu             *sync.Mutex   // guards switched
}

func (d deaf) Check(context.Context) error { time.Sleep(d.check); return nil }
func (d deaf) On(context.Context) error    { return d.did(d.on, "on") }
func (d deaf) Off(context.Context) error   { return d.did(d.off, "off") }

func (d deaf) did(took time.Duration, what string) error {
	time.Sleep(took)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.switched = append(d.switched, what)
	return nil
}

// TestDriversThatIgnoreTheirContext are left behind, and "off" comes after a late "on".
func TestDriversThatIgnoreTheirContext(t *testing.T) {
	const long = time.Hour
	for name, tt := range map[string]struct {
		driver   deaf
		switched string
		took     time.Duration
		exit     ExitCode
	}{
		"check":      {deaf{check: long}, "", defaultPowerTimeout + driverGrace, ExitPlan},
		"off":        {deaf{off: long}, "on", 20*time.Second + defaultPowerTimeout + driverGrace, ExitDeadline},
		"on":         {deaf{on: long}, "off", 20 * time.Second, ExitDeadline},
		"a late on":  {deaf{on: 21 * time.Second}, "on off", 21 * time.Second, ExitDeadline},
		"in a hurry": {deaf{on: 21 * time.Second, hurried: true}, "on off", 21 * time.Second, ExitDeadline},
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

// TestAPortThatOpensTooLate is closed.
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
			t.Error("the port was not closed")
		}
	})
}
