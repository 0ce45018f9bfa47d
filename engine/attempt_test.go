package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
)

func TestRetriesWithBackoff(t *testing.T) {
	var last []error
	b := newBench(t, func(_ context.Context, s *Session) error {
		last = append(last, s.LastError)
		return noLease
	})
	r, took := b.run(t)
	wantReport(t, r, ExitExhausted, classify.RuleRetry, classify.NetDHCPTimeout, 4)
	if took != 7*time.Second {
		t.Errorf("took %s; want 1 s + 2 s + 4 s", took)
	}
	if last[0] != nil || !errors.Is(last[3], noLease) {
		t.Errorf("LastError of the attempts = %v; want nil at first, and the error of the attempt before", last)
	}
	if strings.Join(b.switched, " ") != "off" {
		t.Errorf("power was switched %v; want off, once", b.switched)
	}
	if r.Result != ResultFailed || r.Target.State != Untouched || r.Attempts[2].Wait != "4s" || r.Attempt != 4 {
		t.Errorf("report = %+v; want failed, untouched, a third wait of 4s, attempt 4", r)
	}
}

func TestFatalStopsAtOnce(t *testing.T) {
	b := newBench(t, failing(errors.Join(noLease, classify.New(classify.TargetUnsafe, "mounted"))))
	r, took := b.run(t)
	wantReport(t, r, ExitFatal, classify.RuleFatal, classify.TargetUnsafe, 1)
	if took != 0 {
		t.Errorf("took %s; want 0", took)
	}
}

func TestUnverifiedIsAFailure(t *testing.T) {
	b := newBench(t, failing(nil))
	r, _ := b.run(t)
	wantReport(t, r, ExitFatal, classify.RuleFatal, classify.FlashUnverified, 1)
}

func TestPanicIsABug(t *testing.T) {
	b := newBench(t, func(context.Context, *Session) error { panic("oops") })
	b.policy.Classify = func(context.Context, error, func(error) classify.Class) (classify.Class, error) {
		return classify.Retry, nil
	}
	r, _ := b.run(t)
	wantReport(t, r, ExitInternal, classify.RuleInternal, classify.Internal, 1)
	if !strings.Contains(r.Detail, "TestPanicIsABug") || len(b.switched) != 1 {
		t.Errorf("detail %.60q, power %v; want the stack, and one switch", r.Detail, b.switched)
	}
}

func TestDeadlines(t *testing.T) {
	long := func(b *bench) func(context.Context, *Session) error {
		return func(ctx context.Context, s *Session) error {
			return s.Step(ctx, "write", StepOptions{Timeout: 5 * time.Minute}, func(ctx context.Context) error {
				err := b.clk.Sleep(ctx, time.Hour)
				return classify.Wrap(err, "", "waiting for the board")
			})
		}
	}
	for _, tt := range []struct {
		name   string
		limits Limits
		job    time.Duration
		exit   ExitCode
		rule   classify.Rule
		kind   classify.Kind
		tries  int
		took   time.Duration
	}{
		{"step", Limits{}, 0, ExitExhausted, classify.RuleRetry, classify.DeadlineStep, 4, 20*time.Minute + 7*time.Second},
		{"attempt", Limits{Attempt: time.Minute}, 0, ExitExhausted, classify.RuleRetry, classify.DeadlineAttempt, 4, 4*time.Minute + 7*time.Second},
		{"total", Limits{Total: 3 * time.Minute}, 0, ExitDeadline, classify.RuleRunCancelled, classify.DeadlineTotal, 1, 3 * time.Minute},
		{"total of the job", Limits{}, 6 * time.Minute, ExitDeadline, classify.RuleRunCancelled, classify.DeadlineTotal, 2, 6 * time.Minute},
		{"no time for the next wait", Limits{Total: time.Hour, Attempt: 4 * time.Minute}, 4*time.Minute + time.Second, ExitDeadline, classify.RuleRetry, classify.DeadlineAttempt, 1, 4 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil)
			b.policy.Flash = long(b)
			b.policy.Limits, b.job.Timeout = tt.limits, tt.job
			r, took := b.run(t)
			wantReport(t, r, tt.exit, tt.rule, tt.kind, tt.tries)
			if took != tt.took || r.Step != "write" {
				t.Errorf("took %s in step %q; want %s in write", took, r.Step, tt.took)
			}
			if len(b.switched) != 1 {
				t.Errorf("power was switched %v; want once", b.switched)
			}
		})
	}
}

// TestAnAttemptMustFitTheTotal: a policy whose attempt and clean-up do not fit the total is refused.
func TestAnAttemptMustFitTheTotal(t *testing.T) {
	b := newBench(t, failing(nil))
	b.policy.Limits = Limits{Total: time.Minute, Attempt: 50 * time.Second}
	r, _ := b.run(t)
	wantReport(t, r, ExitPlan, classify.RuleFatal, classify.ConfigPlan, 0)
	if !strings.Contains(r.Error, "50s") || r.Hint == "" || len(b.switched) != 0 {
		t.Errorf("error %q, hint %q, power %v; want 50s, a hint, no switch", r.Error, r.Hint, b.switched)
	}
}

// TestSecretsAreInNoReport: the passwords of the policy are masked in the errors and notes of a script.
func TestSecretsAreInNoReport(t *testing.T) {
	b := newBench(t, func(_ context.Context, s *Session) error {
		s.Note("typed s3cret!")
		return classify.WithHint(classify.MarkFatal(classify.WithConsole(classify.New("lab.login", "s3cret! was refused"), "Password: s3cret!")), "not s3cret!")
	})
	b.policy.Linux.Password = "s3cret!"
	r, _ := b.run(t)
	text, err := r.MarshalIndent()
	all := fmt.Sprint(string(text), b.events)
	if err != nil || strings.Contains(all, "cret!") || strings.Count(all, "********") < 4 {
		t.Errorf("report and events, %v: %s\nwant stars in the place of the password, 4 times", err, all)
	}
}

func TestSwallowedCancellation(t *testing.T) {
	b := newBench(t, nil)
	b.policy.Flash = func(ctx context.Context, s *Session) error {
		s.Step(ctx, "write", StepOptions{Timeout: time.Minute}, func(ctx context.Context) error {
			b.clk.Sleep(ctx, time.Hour)
			return nil // as a script's pcall does
		})
		b.clk.Sleep(ctx, time.Hour)
		return nil
	}
	b.policy.Limits.Attempt = 2 * time.Minute
	none := 0
	b.job.Retries = &none
	r, _ := b.run(t)
	wantReport(t, r, ExitExhausted, classify.RuleRetry, classify.DeadlineAttempt, 1)
}

func TestSignal(t *testing.T) {
	for number, want := range map[int]ExitCode{2: 130, 15: 143} {
		ctx, cancel := context.WithCancelCause(t.Context())
		b := newBench(t, nil)
		b.policy.PowerAfter = PowerAfter{Failure: PowerOn, Cancel: PowerOff}
		b.policy.Flash = func(ctx context.Context, s *Session) error {
			b.clk.AfterFunc(time.Second, func() { cancel(InterruptedBy("SIGINT", number)) })
			return s.Step(ctx, "write", StepOptions{}, func(ctx context.Context) error { return b.clk.Sleep(ctx, time.Hour) })
		}
		r := b.Run(ctx, b.policy, b.job)
		wantReport(t, r, want, classify.RuleRunCancelled, classify.RunInterrupted, 1)
		if strings.Join(b.switched, " ") != "off" || r.Step != "write" {
			t.Errorf("power was switched %v, step %s; want off, write", b.switched, r.Step)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(InterruptedBy("SIGTERM", 15))
	b := newBench(t, failing(nil))
	if r := b.Run(ctx, b.policy, b.job); r.Exit != 143 || len(b.switched) != 0 {
		t.Errorf("a signal before the first attempt: exit %d, power %v; want 143, no switch", r.Exit, b.switched)
	}
	ctx, cancel = context.WithCancelCause(t.Context())
	b = newBench(t, failing(noLease))
	b.clk.AfterFunc(2*time.Second, func() { cancel(InterruptedBy("SIGINT", 2)) })
	r := b.Run(ctx, b.policy, b.job)
	wantReport(t, r, 130, classify.RuleRunCancelled, classify.RunInterrupted, 2)
	if b.clk.Now().Unix() != 2 || len(r.Secondary) == 0 || !strings.Contains(r.Secondary[0], "no lease") {
		t.Errorf("a signal during the backoff: ended at %d s, secondary %q; want 2 s, no lease", b.clk.Now().Unix(), r.Secondary)
	}
}

// TestACancelledContext: a run whose caller cancels its context, without a cause, is of kind run.cancelled, and
// leaves the power as power_after.cancel says.
func TestACancelledContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := newBench(t, nil)
	b.policy.PowerAfter = PowerAfter{Failure: PowerOff, Cancel: PowerOn}
	b.policy.Flash = func(ctx context.Context, s *Session) error {
		b.clk.AfterFunc(time.Second, cancel)
		return b.clk.Sleep(ctx, time.Hour)
	}
	r := b.Run(ctx, b.policy, b.job)
	wantReport(t, r, ExitFatal, classify.RuleRunCancelled, classify.RunCancelled, 1)
	if strings.Join(b.switched, " ") != "on" || r.Error != "the run was cancelled: context canceled" {
		t.Errorf("power %v, error %q; want on, the run was cancelled: context canceled", b.switched, r.Error)
	}
	b = newBench(t, nil)
	r = b.Run(ctx, b.policy, b.job)
	wantReport(t, r, ExitPlan, classify.RuleRunCancelled, classify.RunCancelled, 0)
}
