package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/power"
)

// TestFlashAll holds how many flashes take place at a time, which are not started, and with what exit code the
// program ends. No flash here writes, so none is verified.
func TestFlashAll(t *testing.T) {
	fail := func(context.Context) error { return classify.MarkFatal(errors.New("broken")) }
	wait := func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
	for _, tt := range []struct {
		name    string
		o       FlashAllOptions
		flash   func(context.Context) error
		signal  bool // when the second flash has begun
		begun   int
		skipped int
		exit    ExitCode
	}{
		{"all fail", FlashAllOptions{Parallel: 2}, fail, false, 6, 0, ExitFatal},
		{"stop after the first", FlashAllOptions{Parallel: 1, StopAfter: 1}, fail, false, 1, 5, ExitFatal},
		{"stop after three", FlashAllOptions{Parallel: 1, StopAfter: 3}, fail, false, 3, 3, ExitFatal},
		{"a signal", FlashAllOptions{Parallel: 2}, wait, true, 2, 4, ExitSignal + 2},
		{"more at a time than there are", FlashAllOptions{Parallel: 100}, fail, false, 6, 0, ExitFatal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil)
			b.OpenPower = func(string) (power.Driver, error) { return nil, nil }
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			var (
				mu            sync.Mutex // guards what follows
				begun, at, hi int
			)
			policy := *b.policy
			policy.Flash = func(ctx context.Context, _ *Session) error {
				mu.Lock()
				begun, at = begun+1, at+1
				if hi = max(hi, at); begun == 2 && tt.signal {
					cancel(InterruptedBy("SIGINT", 2))
				}
				mu.Unlock()
				defer func() { mu.Lock(); at--; mu.Unlock() }()
				return tt.flash(ctx)
			}
			var reports []*Report
			rep := b.RunProgram(ctx, ProgramJob{Name: "rack", Access: Access{Read: []string{b.job.Image}}}, func(ctx context.Context, p *Program) (err error) {
				var all []Flash
				for i := range 6 {
					j := b.job
					j.Port = fmt.Sprintf("tcp:127.0.0.1:%d", i+1)
					all = append(all, Flash{Run: p.NewRun(), Policy: &policy, Job: j})
				}
				reports, err = p.FlashAll(ctx, all, tt.o)
				return err
			})
			if begun != tt.begun || hi > tt.o.Parallel || rep.Exit != tt.exit {
				t.Errorf("%d flashes began, %d at a time, exit %d; want %d, at most %d, exit %d", begun, hi, rep.Exit, tt.begun, tt.o.Parallel, tt.exit)
			}
			skipped := 0
			for i, r := range reports {
				if r.Result == ResultSkipped {
					skipped++
				}
				if want := fmt.Sprintf("tcp:127.0.0.1:%d", i+1); r.Port != want || r.Run != i+1 || rep.Runs[i] != r {
					t.Errorf("report %d is of run %d at %s; want run %d at %s, the same as in Runs", i, r.Run, r.Port, i+1, want)
				}
			}
			if len(reports) != 6 || skipped != tt.skipped {
				t.Errorf("%d reports, %d skipped; want 6, %d", len(reports), skipped, tt.skipped)
			}
			ends := map[int]int{}
			for _, e := range b.events {
				if e.Type == EventEnd {
					ends[e.Run]++
				}
			}
			for run := range 7 {
				if ends[run] != 1 {
					t.Errorf("run %d has %d events %s; want 1", run, ends[run], EventEnd)
				}
			}
		})
	}
}
