package engine

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
)

func TestPolicyOverrides(t *testing.T) {
	broken := classify.New(classify.ScriptFault, "board.lua:3: attempt to index nil")
	type class func(context.Context, error, func(error) classify.Class) (classify.Class, error)
	type backoff func(context.Context, int, error, func(int, error) time.Duration) (time.Duration, error)
	for _, tt := range []struct {
		name      string
		class     func(*bench) class
		backoff   func(*bench) backoff
		exit      ExitCode
		rule      classify.Rule
		tries     int
		took      time.Duration
		secondary string
	}{
		{"fatal", func(*bench) class {
			return func(context.Context, error, func(error) classify.Class) (classify.Class, error) {
				return classify.Fatal, nil
			}
		}, nil, ExitFatal, classify.RulePolicy, 1, 0, ""},
		{"classify fails", func(*bench) class {
			return func(context.Context, error, func(error) classify.Class) (classify.Class, error) { return 0, broken }
		}, nil, ExitExhausted, classify.RuleRetry, 4, 7 * time.Second, "the policy's classify failed: board.lua:3"},
		{"classify hangs", func(b *bench) class {
			return func(ctx context.Context, _ error, _ func(error) classify.Class) (classify.Class, error) {
				return classify.Fatal, b.clk.Sleep(ctx, time.Hour)
			}
		}, nil, ExitExhausted, classify.RuleRetry, 4, 7*time.Second + 4*hookTimeout, "classify took longer than 10m0s"},
		{"backoff", nil, func(*bench) backoff {
			return func(_ context.Context, n int, err error, next func(int, error) time.Duration) (time.Duration, error) {
				return 10*time.Second + next(n, err), nil
			}
		}, ExitExhausted, classify.RuleRetry, 4, 37 * time.Second, ""},
		{"backoff fails", nil, func(*bench) backoff {
			return func(context.Context, int, error, func(int, error) time.Duration) (time.Duration, error) {
				return 0, broken
			}
		}, ExitExhausted, classify.RuleRetry, 4, 7 * time.Second, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, failing(noLease))
			if tt.class != nil {
				b.policy.Classify = tt.class(b)
			}
			if tt.backoff != nil {
				b.policy.Backoff = tt.backoff(b)
			}
			r, took := b.run(t)
			wantReport(t, r, tt.exit, tt.rule, classify.NetDHCPTimeout, tt.tries)
			if took != tt.took || !strings.Contains(strings.Join(r.Secondary, "\n"), tt.secondary) {
				t.Errorf("took %s, secondary %q; want %s, %q", took, r.Secondary, tt.took, tt.secondary)
			}
		})
	}
}
