package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// TestRunsAtOnce: runs that share an engine, a policy and a cache each keep their own state.
func TestRunsAtOnce(t *testing.T) {
	dir := t.TempDir()
	from := filepath.Join(dir, "x.raw")
	if err := os.WriteFile(from, []byte("an image\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	type state struct{ calls int }
	var made atomic.Int64
	key := new(int)
	own := func(ctx context.Context) int {
		s, err := engine.PerRun(ctx, key, func() (*state, error) {
			made.Add(1)
			return &state{}, nil
		})
		if err != nil {
			t.Error(err)
		}
		s.calls++
		return s.calls
	}
	policy := &engine.Policy{
		Name: "shared",
		Transition: func(ctx context.Context, _ *engine.Session, _ engine.BoardState) error {
			return fmt.Errorf("call %d", own(ctx))
		},
		Classify: func(ctx context.Context, err error, next func(error) classify.Class) (classify.Class, error) {
			if n := own(ctx); n != 2 {
				t.Errorf("classify is call %d of its run; want 2", n)
			}
			return next(err), nil
		},
	}
	cache, err := engine.CacheFromEnv(func(name string) string {
		return map[string]string{"FLASHLUA_CACHE": filepath.Join(dir, "cache"), "FLASHLUA_CACHE_SIZE": "1M"}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	shared := engine.Engine{Events: func(engine.Event) {}, Cache: cache}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if rep := shared.Interactive(context.Background(), policy, engine.Job{Port: "sim:size=1"}, engine.BoardUBoot, nil); rep.Err == nil || errors.Unwrap(rep.Err) == nil || errors.Unwrap(rep.Err).Error() != "call 1" {
				t.Errorf("run %d: %v; want call 1", i, rep.Err)
			}
		})
		all.Go(func() {
			to := filepath.Join(dir, fmt.Sprint("medium", i))
			if err := os.WriteFile(to, make([]byte, 1<<20), 0o600); err != nil {
				t.Error(err)
			}
			if rep := shared.Write(context.Background(), engine.WriteJob{Image: from, To: to}); rep.Err != nil {
				t.Errorf("Write to medium %d = %v; want nil", i, rep.Err)
			}
		})
	}
	all.Wait()
	if n := made.Load(); n != 8 {
		t.Errorf("PerRun created %d states; want 8, one for each run", n)
	}
}

func TestPerRunOutsideOfARun(t *testing.T) {
	n := 0
	for want := range 3 {
		got, err := engine.PerRun(t.Context(), "key", func() (int, error) { n++; return n - 1, nil })
		if got != want || err != nil {
			t.Errorf("PerRun(%d) = %d, %v; want a value of its own for each call", want, got, err)
		}
	}
}
