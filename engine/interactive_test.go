package engine

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/transport"
)

func TestInteractive(t *testing.T) {
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		to              BoardState
		transition, use error
		noPort          bool
		exit            ExitCode
		state           State
		asked           BoardState
		switched        int
	}{
		"plain":       {to: BoardAsIs, state: Unknown},
		"uboot":       {to: BoardUBoot, state: Unknown, asked: BoardUBoot, switched: 1},
		"not there":   {to: BoardUBoot, transition: classify.New(classify.UBootAutoboot, "silent"), exit: ExitExhausted, state: Untouched, asked: BoardUBoot, switched: 1},
		"denied":      {to: BoardLinux, transition: classify.New(classify.ShellLoginDenied, "denied"), exit: ExitFatal, state: Untouched, asked: BoardLinux, switched: 1},
		"use":         {to: BoardUBoot, use: broken, exit: ExitExhausted, state: Unknown, asked: BoardUBoot, switched: 1},
		"no console":  {to: BoardUBoot, noPort: true, exit: ExitPlan, state: Untouched},
		"bug":         {to: BoardAsIs, use: errPanic, exit: ExitInternal, state: Unknown},
		"interrupted": {to: BoardAsIs, use: InterruptedBy("SIGTERM", 15), exit: 143, state: Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.Simulated = true
			if tt.noPort {
				b.OpenPort = func(context.Context, string, transport.Line) (transport.Port, error) {
					return nil, classify.New(classify.TransportOpen, "no such port")
				}
			}
			var asked BoardState
			b.policy.Transition = func(ctx context.Context, s *Session, to BoardState) error {
				asked = to
				if im, err := s.Image(ctx); im != nil || err != nil {
					t.Errorf("Image = %v, %v; want nil, nil", im, err)
				}
				return errors.Join(s.PowerOn(ctx), tt.transition)
			}
			var lent *console.Console
			r := b.Interactive(t.Context(), b.policy, Job{}, tt.to, func(_ context.Context, c *console.Console) error {
				lent = c
				if tt.use == errPanic {
					panic("ouch")
				}
				return tt.use
			})
			if r.Exit != tt.exit || r.Target.State != tt.state || asked != tt.asked || len(b.switched) != tt.switched {
				t.Errorf("exit %d, target %s, state %q, switched %v: %v; want %d, %s, %q, %d times", r.Exit, r.Target.State, asked, b.switched, r.Err, tt.exit, tt.state, tt.asked, tt.switched)
			}
			if (r.Err == nil) != (r.Result == ResultReached) || r.Err == nil && lent == nil {
				t.Errorf("result %s, console %v: %v; want %s if and only if use was called and succeeded", r.Result, lent, r.Err, ResultReached)
			}
			if text, err := r.MarshalIndent(); err != nil || r.Mode != ModeConsole || !r.Simulated || !strings.Contains(string(text), `"attempts": []`) {
				t.Errorf("report = %s, %v; want mode console, attempts [], simulated", text, err)
			}
			if lent != nil {
				<-lent.Lost() // closed by the engine
			}
		})
	}
}

var errPanic = errors.New("panic")

func TestInteractiveIsBounded(t *testing.T) {
	b := newBench(t, nil)
	b.policy.Limits.Attempt = 5e9
	b.policy.Transition = func(ctx context.Context, s *Session, _ BoardState) error { return b.clk.Sleep(ctx, 1e12) }
	r := b.Interactive(t.Context(), b.policy, Job{}, BoardUBoot, nil)
	wantReport(t, r, ExitExhausted, classify.RuleRetry, classify.DeadlineAttempt, 0)
	if want := "the board was not at uboot within 5s"; r.Err.Error() != want || r.Hint != "raise limits.attempt in the policy" {
		t.Errorf("%q, hint %q; want %q", r.Err, r.Hint, want)
	}
}
