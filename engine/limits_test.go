package engine

import (
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// TestResolve holds the limits of a run: those of the job, else those of the policy, else the defaults.
func TestResolve(t *testing.T) {
	retries := func(n int) *int { return &n }
	for _, tt := range []struct {
		name    string
		limits  Limits
		retries *int
		total   time.Duration
		want    Limits
		n       int
		kind    classify.Kind
	}{
		{"defaults", Limits{}, nil, 0, Limits{Total: DefaultTotal, Attempt: DefaultAttempt}, DefaultRetries, ""},
		{"the policy's", Limits{Retries: retries(1), Total: 2 * time.Hour, Attempt: time.Hour, Jitter: 0.1}, nil, 0, Limits{Total: 2 * time.Hour, Attempt: time.Hour, Jitter: 0.1}, 1, ""},
		{"the job's", Limits{Retries: retries(1), Total: 2 * time.Hour}, retries(0), time.Hour, Limits{Total: time.Hour, Attempt: DefaultAttempt}, 0, ""},
		{"an attempt is never longer than the total", Limits{}, nil, time.Minute, Limits{Total: time.Minute, Attempt: time.Minute}, DefaultRetries, ""},
		{"the job's total may be less than the policy's attempt", Limits{Attempt: time.Minute}, nil, 30 * time.Second, Limits{Total: 30 * time.Second, Attempt: 30 * time.Second}, DefaultRetries, ""},
		{"an attempt with its clean-up fits exactly", Limits{Total: time.Minute, Attempt: 57 * time.Second}, nil, 0, Limits{Total: time.Minute, Attempt: 57 * time.Second}, DefaultRetries, ""},
		{"an attempt with its clean-up does not fit", Limits{Total: time.Minute, Attempt: 58 * time.Second}, nil, 0, Limits{}, 0, classify.ConfigPlan},
		{"the longest total", Limits{}, nil, MaxDuration, Limits{Total: MaxDuration, Attempt: DefaultAttempt}, DefaultRetries, ""},
		{"a longer total", Limits{}, nil, MaxDuration + 1, Limits{}, 0, classify.Usage},
		{"the most retries", Limits{}, retries(maxRetries), 0, Limits{Total: DefaultTotal, Attempt: DefaultAttempt}, maxRetries, ""},
		{"more retries", Limits{}, retries(maxRetries + 1), 0, Limits{}, 0, classify.Usage},
	} {
		got, err := tt.limits.resolve(tt.retries, tt.total, time.Second)
		if kind := classify.Facts(err).Kind; err != nil || tt.kind != "" {
			if kind != tt.kind {
				t.Errorf("resolve of %s = %v; want an error of kind %q", tt.name, err, tt.kind)
			}
			continue
		}
		if n := *got.Retries; n != tt.n || got.Total != tt.want.Total || got.Attempt != tt.want.Attempt || got.Jitter != tt.want.Jitter {
			t.Errorf("resolve of %s = %d retries, %+v; want %d, %+v", tt.name, n, got, tt.n, tt.want)
		}
	}
}
