package engine

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/power"
)

func TestPolicyThatDoesNotReturn(t *testing.T) {
	for name, tt := range map[string]struct {
		signal  bool
		program bool
		exit    ExitCode
		rule    classify.Rule
		kind    classify.Kind
	}{
		"after its attempt": {false, false, ExitFatal, classify.RuleLimit, classify.ScriptLimit},
		"after a signal":    {true, false, 130, classify.RuleRunCancelled, classify.RunInterrupted},
		"in a program":      {true, true, 130, classify.RuleRunCancelled, classify.RunInterrupted},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				over := make(chan struct{})
				defer close(over)
				b := newBench(t, func(context.Context, *Session) error { <-over; return nil }) // ignores its context
				b.Clock = clock.Real{}                                                         // of the bubble
				b.OpenPower = func(string) (power.Driver, error) { return slow{b}, nil }
				b.Listen = func(context.Context, string, string) (net.Listener, error) {
					return quietListener{make(chan struct{})}, nil
				}
				b.policy.Limits.Attempt = time.Minute
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				ended := time.Minute
				if tt.signal {
					ended = time.Second
					time.AfterFunc(ended, func() { cancel(InterruptedBy("SIGINT", 2)) })
				}
				began := time.Now()
				var r *Report
				if tt.program {
					r = b.RunProgram(ctx, ProgramJob{Name: "rack", Access: Access{Read: []string{b.job.Image}}}, func(ctx context.Context, p *Program) error {
						return p.Flash(ctx, p.NewRun(), b.policy, b.job).Err
					})
					synctest.Wait()
				} else {
					r = b.Run(ctx, b.policy, b.job)
				}
				attempts := 1
				if tt.program {
					attempts = 0
				}
				wantReport(t, r, tt.exit, tt.rule, tt.kind, attempts)
				if strings.Join(b.switched, " ") != "off" || time.Since(began) != ended+scriptReturnGrace+slowness {
					t.Errorf("power was switched %v, after %s; want off, after %s", b.switched, time.Since(began), ended+scriptReturnGrace+slowness)
				}
			})
		})
	}
}
