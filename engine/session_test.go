package engine

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

func TestVerifyOnly(t *testing.T) {
	var refused error
	b := newBench(t, func(ctx context.Context, s *Session) error {
		if err := s.BeforeCommand(); err != nil { // outside of a step that destroys
			t.Error(err)
		}
		return s.Step(ctx, "wipe", StepOptions{Destroys: s.Target().Name}, func(context.Context) error {
			refused = s.BeforeCommand()
			return refused
		})
	})
	b.job.VerifyOnly = true
	r, _ := b.run(t)
	wantReport(t, r, ExitFatal, classify.RuleFatal, classify.ConfigPolicy, 1)
	if r.Mode != ModeVerify || r.Target.State != Untouched || refused == nil || !strings.Contains(r.Error, "step wipe may destroy") {
		t.Errorf("mode %s, target %s, %v; want verify, untouched, an error about step wipe", r.Mode, r.Target.State, r.Err)
	}
	if plan := b.events[0].Text; strings.Contains(plan, "lost") || !strings.Contains(plan, "nothing is written") {
		t.Errorf("plan = %q; want that nothing is written", plan)
	}
}

func TestAMismatchIsFatalInVerify(t *testing.T) {
	mismatch := classify.New(classify.VerifyMismatch, "it differs")
	for _, tt := range []struct {
		only  bool
		err   error
		tries int
		state State
	}{
		{true, mismatch, 1, Untouched},
		{true, classify.New(classify.VerifyRead, "unreadable"), 4, Untouched},
		{false, mismatch, 4, Written},
	} {
		b := newBench(t, func(_ context.Context, s *Session) error {
			s.run.ledger.mark(tt.state)
			return s.fatalIfVerifyOnly(tt.err)
		})
		b.job.VerifyOnly = tt.only
		if r, _ := b.run(t); len(r.Attempts) != tt.tries || r.Target.State != tt.state {
			t.Errorf("verify only %v, %v: %d attempts, target %s; want %d, %s", tt.only, tt.err, len(r.Attempts), r.Target.State, tt.tries, tt.state)
		}
	}
}

// TestASessionEndsWithItsAttempt: every method of a session that was kept returns an error.
func TestASessionEndsWithItsAttempt(t *testing.T) {
	var kept *Session
	b := newBench(t, func(_ context.Context, s *Session) error {
		kept = s
		return errors.New("it failed")
	})
	none := 0
	b.job.Retries = &none
	b.run(t)
	for name, do := range map[string]func() error{
		"Step": func() error {
			return kept.Step(t.Context(), "late", StepOptions{}, func(context.Context) error { t.Error("it ran"); return nil })
		},
		"BeforeCommand": kept.BeforeCommand, "PowerOn": func() error { return kept.PowerOn(t.Context()) },
		"UBoot": func() error { _, err := kept.UBoot(t.Context()); return err },
		"Shell": func() error { _, err := kept.Shell(t.Context()); return err },
		"DHCP":  func() error { _, err := kept.DHCP(t.Context(), nil); return err },
		"Load":  func() error { return kept.Load(t.Context(), nil, "kernel") },
		"Boot":  func() error { _, err := kept.Boot(t.Context(), nil, "booti"); return err },
		"Write": func() error { return kept.Write(t.Context(), nil) },
	} {
		if err := do(); err == nil || !strings.Contains(err.Error(), "it belongs to an attempt that is over") {
			t.Errorf("%s after the attempt = %v; want an error", name, err)
		}
	}
}
