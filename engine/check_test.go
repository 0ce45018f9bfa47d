package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// checked calls the check of a run whose medium is marked as verified: only a real write makes a receipt. It returns
// the report.
func checked(ctx context.Context, t *testing.T, b *bench, check func(context.Context, *Session, *Report) error) *Report {
	t.Helper()
	b.policy.Check = check
	r := b.newBoardRun(b.policy, b.job, b.job.Mode())
	if err := r.resolveLimits(); err != nil {
		t.Fatal(err)
	}
	if err := r.prepare(ctx); err != nil {
		t.Fatal(err)
	}
	r.events.beginAttempt(1)
	r.ledger.mark(Verified)
	return r.finish(r.check(ctx))
}

func TestCheck(t *testing.T) {
	plain := errors.New("no sound card")
	for _, tt := range []struct {
		name  string
		check func(context.Context, *bench, *Session) error
		exit  ExitCode
		kind  classify.Kind
	}{
		{"passes", func(context.Context, *bench, *Session) error { return nil }, ExitVerified, ""},
		{"commands", func(_ context.Context, _ *bench, s *Session) error { return s.BeforeCommand() }, ExitVerified, ""},
		{"fails", func(context.Context, *bench, *Session) error { return plain }, ExitFatal, classify.CheckFailed},
		{"retryable", func(context.Context, *bench, *Session) error { return noLease }, ExitFatal, classify.NetDHCPTimeout},
		{"writes", func(ctx context.Context, _ *bench, s *Session) error { return s.Write(ctx, nil) }, ExitFatal, classify.ConfigPolicy},
		{"destroys", func(ctx context.Context, _ *bench, s *Session) error {
			return s.Step(ctx, "clean", StepOptions{Destroys: s.Target().Name}, func(context.Context) error { return nil })
		}, ExitFatal, classify.ConfigPolicy},
		{"deadline", func(ctx context.Context, b *bench, _ *Session) error { return b.clk.Sleep(ctx, time.Hour) }, ExitFatal, classify.DeadlineCheck},
		{"deadline that the check hides", func(ctx context.Context, b *bench, _ *Session) error { b.clk.Sleep(ctx, time.Hour); return nil }, ExitFatal, classify.DeadlineCheck},
		{"panics", func(context.Context, *bench, *Session) error { panic("oops") }, ExitInternal, classify.Internal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil)
			calls := 0
			r := checked(t.Context(), t, b, func(ctx context.Context, s *Session, rep *Report) error {
				calls++
				if rep.Result != ResultVerified || rep.Target.State != Verified {
					t.Errorf("report = %s, %s; want verified", rep.Result, rep.Target.State)
				}
				return tt.check(ctx, b, s)
			})
			want := CheckPassed
			if tt.exit != ExitVerified {
				want = CheckFailed
			}
			if r.Exit != tt.exit || r.Kind != string(tt.kind) || r.Check.Kind != r.Kind || r.Check.Result != want || r.Target.State != Verified || calls != 1 {
				t.Errorf("exit %d, kind %q, check %+v, state %s, %d calls; want %d, %q, %s, verified, one call",
					r.Exit, r.Kind, r.Check, r.Target.State, calls, tt.exit, tt.kind, want)
			}
		})
	}
}

func TestCheckIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	r := checked(ctx, t, newBench(t, nil), func(ctx context.Context, _ *Session, _ *Report) error {
		cancel(InterruptedBy("SIGINT", 2))
		return context.Cause(ctx)
	})
	if r.Exit != 130 || r.Target.State != Verified || r.Check.Result != CheckFailed {
		t.Errorf("exit %d, state %s, check %+v; want 130, verified, failed", r.Exit, r.Target.State, r.Check)
	}
}
