package engine

import (
	"context"
	"errors"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/transport"
)

func TestReach(t *testing.T) {
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		to       Place
		way, use error
		noPort   bool
		exit     int
		state    string
		asked    Place
		switched int
	}{
		"plain":       {to: AsItIs, state: Unknown},
		"uboot":       {to: AtUBoot, state: Unknown, asked: AtUBoot, switched: 1},
		"not there":   {to: AtUBoot, way: classify.New(classify.UBootSilent, "silent"), exit: ExitExhausted, state: Untouched, asked: AtUBoot, switched: 1},
		"denied":      {to: AtLinux, way: classify.New(classify.ShellDenied, "denied"), exit: ExitFatal, state: Untouched, asked: AtLinux, switched: 1},
		"use":         {to: AtUBoot, use: broken, exit: ExitExhausted, state: Unknown, asked: AtUBoot, switched: 1},
		"no console":  {to: AtUBoot, noPort: true, exit: ExitPlan, state: Untouched},
		"bug":         {to: AsItIs, use: errPanic, exit: ExitInternal, state: Unknown},
		"interrupted": {to: AsItIs, use: Signal("SIGTERM", 15), exit: 143, state: Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			if tt.noPort {
				b.OpenPort = func(context.Context, string, transport.Line) (transport.Port, error) {
					return nil, classify.New(classify.TransportOpen, "no such port")
				}
			}
			var asked Place
			b.policy.Reach = func(ctx context.Context, s *Session, to Place) error {
				asked = to
				if im, err := s.Image(ctx); im != nil || err != nil {
					t.Error("there is an image")
				}
				return errors.Join(s.PowerOn(ctx), tt.way)
			}
			var lent *console.Console
			r := b.Reach(t.Context(), b.policy, Job{}, tt.to, func(_ context.Context, c *console.Console) error {
				lent = c
				if tt.use == errPanic {
					panic("ouch")
				}
				return tt.use
			})
			if r.Exit != tt.exit || r.Target.State != tt.state || asked != tt.asked || len(b.switched) != tt.switched {
				t.Errorf("exit %d, target %s, asked for %q, switched %v: %v", r.Exit, r.Target.State, asked, b.switched, r.Err)
			}
			if (r.Err == nil) != (r.Result == Reached) || r.Err == nil && lent == nil {
				t.Errorf("%s: %v", r.Result, r.Err)
			}
			if lent != nil {
				<-lent.Lost() // closed by the engine
			}
		})
	}
}

var errPanic = errors.New("panic")

func TestReachIsBounded(t *testing.T) {
	b := newBench(t, nil)
	b.policy.Limits.Attempt = 5e9
	b.policy.Reach = func(ctx context.Context, s *Session, _ Place) error { return b.clk.Sleep(ctx, 1e12) }
	r := b.Reach(t.Context(), b.policy, Job{}, AtUBoot, nil)
	wantReport(t, r, ExitExhausted, classify.RuleRetryable, classify.DeadlineTry, 0)
	if want := "the board was not at uboot within 5s"; r.Err.Error() != want || r.Hint != "raise limits.attempt in the policy" {
		t.Errorf("%q, hint %q; want %q", r.Err, r.Hint, want)
	}
}
