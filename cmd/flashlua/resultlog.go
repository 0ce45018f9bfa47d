package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/results"
)

// resultsVariable is the environment variable for --results.
const resultsVariable = "FLASHLUA_RESULTS"

func resultsFlag() cli.Flag {
	return &cli.StringFlag{Name: "results", Usage: "append a line about the run to the results in `DIR`, which flashlua results reads", DefaultText: "$" + resultsVariable}
}

// resultsDir returns the folder of results, "" for none.
func (env Env) resultsDir(c *cli.Context) string {
	if c.IsSet("results") {
		return c.String("results")
	}
	return env.getenv(resultsVariable)
}

// resultLog appends the results of a run to a folder. A nil one appends nothing. It is safe for concurrent use.
type resultLog struct {
	folder results.Folder
	host   string
	script string // argument of the command, for a run that has no name yet

	mu      sync.Mutex // mu guards what follows
	station string     // of the lab; "" is none
	runs    map[int]*runSteps
}

// runSteps is what the events say about the steps of a run.
type runSteps struct {
	record  results.Record // Steps and Failures
	pending map[string]results.Failure
}

// openResults opens the log that the command line or the environment names. A dry run is no run.
func (env Env) openResults(c *cli.Context, clk clock.Clock) (*resultLog, error) {
	dir := env.resultsDir(c)
	if dir == "" || c.Bool("dry-run") {
		return nil, nil
	}
	host, _ := os.Hostname()
	l := &resultLog{folder: results.Folder(dir), host: host, script: cmp.Or(c.Args().First(), "flashlua "+c.Command.Name), runs: map[int]*runSteps{}}
	if err := l.folder.Prepare(clk.Now(), host); err != nil {
		return nil, classify.WithHint(classify.Wrap(err, classify.OutputOpen, "the results cannot be kept in %s", dir),
			"name a folder that can be written with --results or %s", resultsVariable)
	}
	return l, nil
}

// setStation sets the station of the run.
func (l *resultLog) setStation(name string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.station = name
}

// event keeps what an event says about steps and failures.
func (l *resultLog) event(e engine.Event) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	run := l.runs[e.Run]
	if run == nil {
		run = &runSteps{pending: map[string]results.Failure{}}
		l.runs[e.Run] = run
	}
	run.add(e)
}

func (s *runSteps) add(e engine.Event) {
	failure := results.Failure{Attempt: e.Attempt, Step: e.Step, Kind: e.Kind}
	switch {
	case e.Type == engine.EventStepEnd && e.Error == "":
		s.record.SetStep(e.Step, e.Took)
	case e.Type == engine.EventStepEnd && len(s.pending) < results.MaxFailures:
		s.pending[e.Step] = failure
	case e.Type == engine.EventRetry && e.Step != "":
		s.record.AddFailure(s.pending[e.Step])
	case e.Type == engine.EventAttemptEnd && e.Error != "":
		s.record.AddFailure(failure)
	}
}

// append appends the results of a run, for a program also those of its flashes. It waits at most drainTime for a file
// system that stalls.
func (l *resultLog) append(clk clock.Clock, r *engine.Report) error {
	if l == nil || r.Mode == engine.ModeDryRun {
		return nil
	}
	all := l.records(clk, r)
	ctx, cancel := clock.WithTimeout(context.Background(), clk, drainTime, classify.New(classify.Config, "timed out after %s", drainTime))
	defer cancel()
	done := make(chan error, 1)
	go func() {
		var errs []error
		for _, record := range all {
			errs = append(errs, l.folder.Append(record))
		}
		done <- errors.Join(errs...)
	}()
	select {
	case err := <-done:
		return classify.Wrap(err, classify.Config, "the result could not be kept in %s", string(l.folder))
	case <-ctx.Done():
		return classify.Wrap(context.Cause(ctx), classify.Config, "the result could not be kept in %s", string(l.folder))
	}
}

// records returns the records of a report, those of a program's flashes first.
func (l *resultLog) records(clk clock.Clock, r *engine.Report) (all []results.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, flash := range r.Runs {
		record := l.recordLocked(flash)
		record.Program = r.Board
		all = append(all, record)
	}
	all = append(all, l.recordLocked(r))
	for i := range all {
		all[i].Time, all[i].Host = clk.Now().UTC(), l.host
		all[i].Board = cmp.Or(all[i].Board, l.script)
	}
	return all
}

// recordLocked returns the record of one run. The caller holds mu.
func (l *resultLog) recordLocked(r *engine.Report) results.Record {
	record := results.Record{Station: l.station}
	if run := l.runs[r.Run]; run != nil {
		record.Steps, record.Failures = run.record.Steps, slices.Clone(run.record.Failures)
	}
	record.RunID = r.RunID
	record.Board, record.Variant, record.Port, record.Mode = r.Board, r.Variant, r.Port, string(r.Mode)
	record.Result, record.Exit, record.Kind, record.Step = string(r.Result), int(r.Exit), r.Kind, r.Step
	record.Attempts, record.Duration, record.Simulated = r.Attempt, r.Duration, r.Simulated
	record.SHA256, record.Bytes, record.State = r.Image.SHA256, r.Image.Size, string(r.Target.State)
	return record
}
