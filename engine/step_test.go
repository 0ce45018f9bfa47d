package engine

import (
	"context"
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
