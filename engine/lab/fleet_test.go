package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// ends returns work that ends as the station's note says.
func ends(_ context.Context, _ int, s Station) *engine.Report {
	switch s.Note {
	case "fails":
		rep := engine.RefusedReport(classify.MarkFatal(errors.New("broken")))
		rep.Exit, rep.Attempt = engine.ExitFatal, 1
		return rep
	case "panics":
		panic("broken")
	}
	return &engine.Report{Result: engine.ResultVerified, Attempt: 1}
}

func TestFleet(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fleet Fleet
		notes string // of the stations
		want  string // result, exit code and kind of each
		exit  engine.ExitCode
	}{
		{"none", Fleet{}, "", "", 0},
		{"all verified", Fleet{}, "ok ok", "verified 0 , verified 0 ", 0},
		{"one fails", Fleet{}, "ok fails ok", "verified 0 , failed 3 , verified 0 ", engine.ExitFatal},
		{"one panics", Fleet{}, "panics ok fails", "failed 1 internal, verified 0 , failed 3 ", engine.ExitInternal},
		{"stop after one", Fleet{Parallel: 1, StopAfter: 1}, "ok fails ok", "verified 0 , failed 3 , skipped 2 flash.skipped", engine.ExitFatal},
		{"canary fails", Fleet{Parallel: 4, Canary: 1}, "fails ok", "failed 3 , skipped 2 flash.skipped", engine.ExitFatal},
		{"canary succeeds", Fleet{Parallel: 4, Canary: 1}, "ok fails", "verified 0 , failed 3 ", engine.ExitFatal},
		{"canary panics", Fleet{Canary: 1}, "panics ok", "failed 1 internal, skipped 2 flash.skipped", engine.ExitInternal},
		{"the canary is done", Fleet{Parallel: 1, Canary: 1}, "done fails ok", "verified 0 , failed 3 , verified 0 ", engine.ExitFatal},
		{"one of two canaries is done", Fleet{Parallel: 1, Canary: 2}, "done fails ok", "verified 0 , failed 3 , skipped 2 flash.skipped", engine.ExitFatal},
		{"all done", Fleet{StopAfter: 1}, "done done", "verified 0 , verified 0 ", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stations []Station
			for i, note := range strings.Fields(tt.notes) {
				stations = append(stations, Station{Name: fmt.Sprint("bench-", i), Note: note})
			}
			var mu sync.Mutex // guards ended
			ended := map[int]int{}
			tt.fleet.Ended = func(r Result) {
				mu.Lock()
				defer mu.Unlock()
				ended[r.Index]++
			}
			tt.fleet.Earlier = func(s Station) *engine.Report {
				if s.Note == "done" {
					return &engine.Report{Result: engine.ResultVerified}
				}
				return nil
			}
			results := tt.fleet.Run(t.Context(), stations, ends)
			var got []string
			for i, r := range results {
				got = append(got, fmt.Sprint(r.Report.Result, " ", int(r.Report.Exit), " ", r.Report.Kind))
				if r.Station.Name != stations[i].Name || r.Index != i || ended[i] != 1 || r.Resumed != (stations[i].Note == "done") {
					t.Errorf("result %d is %+v, and Ended was called %d times for it; want that of %s, once", i, r, ended[i], stations[i].Name)
				}
			}
			if text := strings.Join(got, ", "); text != tt.want {
				t.Errorf("results: %s; want %s", text, tt.want)
			}
			if exit := Exit(results); exit != tt.exit {
				t.Errorf("Exit = %d; want %d", exit, tt.exit)
			}
		})
	}
}

// TestFleetInterrupted holds that a signal ends the stations under way, that no further one is started, and that each
// has the exit code of the signal.
func TestFleetInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	begun := make(chan struct{}, 2)
	go func() {
		<-begun
		<-begun
		cancel(engine.InterruptedBy("SIGINT", 2))
	}()
	results := Fleet{Parallel: 2}.Run(ctx, make([]Station, 4), func(ctx context.Context, _ int, _ Station) *engine.Report {
		begun <- struct{}{}
		<-ctx.Done()
		return engine.RefusedReport(context.Cause(ctx))
	})
	want := Counts{Stations: 4, Failed: 2, Skipped: 2}
	if got := Count(results); got != want || Exit(results) != 130 {
		t.Errorf("counts %+v and exit %d; want %+v and 130", got, Exit(results), want)
	}
	for i, r := range results {
		if r.Report.Exit != 130 {
			t.Errorf("station %d has exit code %d; want 130", i, r.Report.Exit)
		}
	}
}

// TestFleetCancelled holds that stations which are not started because the context ended, without a signal, are no
// success.
func TestFleetCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	results := Fleet{}.Run(ctx, make([]Station, 2), ends)
	if got := Summarize(results, time.Time{}, 0); got.Exit != engine.ExitPlan || got.Result != engine.ResultFailed {
		t.Errorf("Summarize after a cancelled context = %s, exit %d; want failed, 2", got.Result, got.Exit)
	}
}

func TestExit(t *testing.T) {
	skipped := Result{Report: &engine.Report{Result: engine.ResultSkipped, Exit: engine.ExitPlan}}
	for _, tt := range []struct {
		codes []engine.ExitCode
		want  engine.ExitCode
	}{
		{nil, 0},
		{[]engine.ExitCode{0, 0}, 0},
		{[]engine.ExitCode{0, 6}, 6},
		{[]engine.ExitCode{6, 75, 0}, 75},
		{[]engine.ExitCode{75, 2, 6}, 2},
		{[]engine.ExitCode{2, 5, 75}, 5},
		{[]engine.ExitCode{5, 4, 2}, 4},
		{[]engine.ExitCode{4, 3, 5}, 3},
		{[]engine.ExitCode{3, 1, 4}, 1},
		{[]engine.ExitCode{1, 99}, 99},
		{[]engine.ExitCode{1, 143, 99}, 143},
		{[]engine.ExitCode{0, 130, 143}, 130},
	} {
		var results []Result
		if len(tt.codes) > 0 && tt.want != engine.ExitVerified { // then it is skipped because of the others
			results = append(results, skipped)
		}
		for _, code := range tt.codes {
			results = append(results, Result{Report: &engine.Report{Result: engine.ResultFailed, Exit: code}})
		}
		if got := Exit(results); got != tt.want {
			t.Errorf("Exit(%v) = %d; want %d", tt.codes, got, tt.want)
		}
	}
}

func TestSummarize(t *testing.T) {
	rep := engine.RefusedReport(classify.New(classify.Config, "broken"))
	s := Summarize([]Result{
		{Station: Station{Name: "a"}, Report: &engine.Report{Result: engine.ResultVerified, Attempt: 2}},
		{Station: Station{Name: "b"}, Report: &engine.Report{Result: engine.ResultVerified}, Resumed: true},
		{Station: Station{Name: "c"}, Report: rep},
		{Station: Station{Name: "d"}, Report: &engine.Report{Result: engine.ResultSkipped, Exit: engine.ExitPlan}},
	}, time.Time{}, 0)
	if want := (Counts{Stations: 4, Verified: 2, Resumed: 1, Failed: 1, Skipped: 1}); s.Counts != want {
		t.Errorf("counts %+v; want %+v", s.Counts, want)
	}
	if got := s.Stations[2]; s.Result != engine.ResultFailed || s.Exit != 2 || got.Station != "c" || got.Kind != "config" || got.Error != "broken" {
		t.Errorf("summary: %s, exit %d, third %+v; want failed, exit 2, and the failure of c", s.Result, s.Exit, got)
	}
}
