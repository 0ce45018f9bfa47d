package engine

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// TestStepRetries: a step is retried where that can help, and the errors of the earlier tries are secondary ones
// of the last.
func TestStepRetries(t *testing.T) {
	for _, tt := range []struct {
		name  string
		err   error
		tries int
		took  time.Duration
	}{
		{"retryable", noLease, 3, 3 * time.Second},
		{"fatal", classify.New(classify.Usage, "x"), 1, 0},
		{"the board is not where it was", classify.New(classify.BoardReset, "x"), 1, 0},
		{"the console is gone", classify.New(classify.TransportLost, "x"), 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tries := 0
			b := newBench(t, func(ctx context.Context, s *Session) error {
				return s.Step(ctx, "network", StepOptions{Retries: 2}, func(context.Context) error { tries++; return tt.err })
			})
			none := 0
			b.job.Retries = &none
			r, took := b.run(t)
			if tries != tt.tries || took != tt.took || r.Step != "network" || len(b.switched) != 1 || len(r.Secondary) != tt.tries-1 {
				t.Errorf("%d tries in %s, step %s, power %v, secondary %q; want %d in %s", tries, took, r.Step, b.switched, r.Secondary, tt.tries, tt.took)
			}
		})
	}
}

func TestTheInnermostStepIsNamed(t *testing.T) {
	b := newBench(t, func(ctx context.Context, s *Session) error {
		return s.Step(ctx, "outer", StepOptions{}, func(ctx context.Context) error {
			return s.Step(ctx, "inner", StepOptions{}, func(context.Context) error { return classify.MarkFatal(noLease) })
		})
	})
	if r, _ := b.run(t); r.Step != "inner" || r.Exit != ExitFatal {
		t.Errorf("step %s, exit %d; want inner, %d", r.Step, r.Exit, ExitFatal)
	}
}

// TestClassifyKnowsTriesAndAttempts: classify is asked for each try of a step that may be retried and for each
// attempt, and the error says for which, and which errors came before it.
func TestClassifyKnowsTriesAndAttempts(t *testing.T) {
	b := newBench(t, func(ctx context.Context, s *Session) error {
		return s.Step(ctx, "network", StepOptions{Retries: 1}, func(ctx context.Context) error {
			return s.Step(ctx, "inner", StepOptions{}, func(context.Context) error {
				return classify.Wrap(s.LastError, classify.NetDHCPTimeout, "no lease")
			})
		})
	})
	first := b.policy.Flash
	b.policy.Flash = func(ctx context.Context, s *Session) error {
		if s.LastError == nil {
			s.LastError = noLease
		}
		return first(ctx, s)
	}
	var asked []string
	b.policy.Classify = func(_ context.Context, err error, next func(error) classify.Class) (classify.Class, error) {
		f := classify.Facts(err)
		line := fmt.Sprintf("%d.%d", f.Attempt, f.Try)
		for _, e := range f.Earlier {
			f := classify.Facts(e)
			line += fmt.Sprintf(" %d.%d", f.Attempt, f.Try)
		}
		asked = append(asked, line)
		return next(err), nil
	}
	one := 1
	b.job.Retries = &one
	b.run(t)
	want := []string{"1.1", "1.0 1.1", "2.1 1.1 1.0", "2.0 1.1 1.0 2.1"}
	if !slices.Equal(asked, want) {
		t.Errorf("classify was asked for %q; want %q", asked, want)
	}
}

func TestTheHistoryIsBounded(t *testing.T) {
	var h errorHistory
	for i := range maxHistory + 5 {
		h.add(classify.New(classify.Usage, "%d", i))
	}
	got := h.errors()
	if len(got) != maxHistory || got[0].Error() != "5" || got[maxHistory-1].Error() != "104" {
		t.Errorf("history = %d errors, %v to %v; want %d, 5 to 104", len(got), got[0], got[len(got)-1], maxHistory)
	}
}
