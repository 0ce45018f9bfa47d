package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/results"
)

// TestResultsOfAProgram holds that the events of flashes at the same time are kept apart, and which failures count: a
// step that failed and was not tried again counts only as the failure of its attempt.
func TestResultsOfAProgram(t *testing.T) {
	dir := t.TempDir()
	l := &resultLog{folder: results.Folder(dir), host: "lab", script: "p.lua", runs: map[int]*runSteps{}}
	for _, e := range []engine.Event{
		{Type: engine.EventStepEnd, Run: 1, Attempt: 1, Step: "network", Error: "no answer", Kind: "net.dhcp.timeout", Took: 3},
		{Type: engine.EventStepEnd, Run: 2, Attempt: 1, Step: "network", Took: 4},
		{Type: engine.EventRetry, Run: 1, Attempt: 1, Step: "network"},
		{Type: engine.EventStepEnd, Run: 1, Attempt: 1, Step: "network", Took: 5},
		{Type: engine.EventStepEnd, Run: 2, Attempt: 1, Step: "verify", Error: "differs", Kind: "verify.mismatch"},
		{Type: engine.EventStepEnd, Run: 2, Attempt: 1, Step: "write", Error: "differs", Kind: "verify.mismatch"},
		{Type: engine.EventAttemptEnd, Run: 2, Attempt: 1, Step: "verify", Error: "differs", Kind: "verify.mismatch"},
		{Type: engine.EventRetry, Run: 2, Attempt: 1},
		{Type: engine.EventStepEnd, Run: 2, Attempt: 2, Step: "write", Took: 6},
		{Type: engine.EventAttemptEnd, Run: 2, Attempt: 2},
	} {
		l.event(e)
	}
	report := &engine.Report{Result: "done", Mode: engine.ModeProgram, Board: "p", Attempt: 1, Runs: []*engine.Report{
		{Result: "verified", Mode: engine.ModeFlash, Run: 1, Board: "b", Port: "one", Attempt: 1, Duration: 7, Image: engine.ImageReport{Size: 8, SHA256: "d"}, Target: engine.TargetReport{State: "verified"}},
		{Result: "verified", Mode: engine.ModeFlash, Run: 2, Board: "b", Port: "two", Attempt: 2},
	}}
	var clk clock.Virtual
	if err := l.append(&clk, report); err != nil {
		t.Fatal(err)
	}
	got, remarks, err := results.Folder(dir).Read(time.Time{})
	at := clk.Now().UTC()
	want := []results.Record{
		{Time: at, Host: "lab", Board: "b", Port: "one", Program: "p", Mode: "flash", Result: "verified", Attempts: 1, Failures: []results.Failure{{Attempt: 1, Step: "network", Kind: "net.dhcp.timeout"}}, Duration: 7, Steps: map[string]time.Duration{"network": 5}, SHA256: "d", Bytes: 8, State: "verified"},
		{Time: at, Host: "lab", Board: "b", Port: "two", Program: "p", Mode: "flash", Result: "verified", Attempts: 2, Failures: []results.Failure{{Attempt: 1, Step: "verify", Kind: "verify.mismatch"}}, Steps: map[string]time.Duration{"network": 4, "write": 6}},
		{Time: at, Host: "lab", Board: "p", Mode: "program", Result: "done", Attempts: 1},
	}
	if err != nil || len(remarks) > 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("the results =\n%+v, remarks %q, %v; want\n%+v", got, remarks, err, want)
	}
}

// TestResultThatCannotBeKept holds that a folder that was removed during the run is made again, and that one that
// cannot be written is an error that names it.
func TestResultThatCannotBeKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	l := &resultLog{folder: results.Folder(dir), runs: map[int]*runSteps{}}
	report := &engine.Report{Result: "verified", Mode: engine.ModeFlash, Board: "b"}
	if err := l.append(clock.Real{}, report); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	var path *fs.PathError
	if err := l.append(clock.Real{}, report); !errors.As(err, &path) || !strings.HasPrefix(err.Error(), "the result could not be kept in "+dir) {
		t.Errorf("append to a file = %v; want an error that names it", err)
	}
	if err := (*resultLog)(nil).append(clock.Real{}, report); err != nil {
		t.Errorf("append without a folder = %v; want nil", err)
	}
}
