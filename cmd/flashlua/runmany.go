package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/lab"
	"github.com/flashlua/flashlua/engine/visible"
)

// stationJob is what a run does with one station.
type stationJob struct {
	script  string // path of a policy, or the name of a board that comes with flashlua
	options bindings.Options
	job     engine.Job
	place   placeRequest // that the station is at
}

// manyRun is a run on several stations.
type manyRun struct {
	env      Env
	inv      *invocation
	cli      *cli.Context
	stations []lab.Station
	jobOf    func(lab.Station) (stationJob, error)

	engine  engine.Engine
	fleet   lab.Fleet
	printer *manyPrinter
	flashes []engine.Flash // of the stations
	places  []placeRequest // of the stations
	shared  *engine.SharedImages
	out     *manyOutputs
}

// runMany runs the commands run and verify on several stations.
func (env Env) runMany(c *cli.Context, stations []lab.Station, jobOf func(lab.Station) (stationJob, error)) error {
	inv, end := env.begin(clock.Real{})
	defer end()
	m := &manyRun{env: env, inv: inv, cli: c, stations: stations, jobOf: jobOf, shared: &engine.SharedImages{}, out: &manyOutputs{}}
	defer m.shared.Close()
	defer func() { m.out.close() }()
	started := inv.clk.Now()
	results, err := m.run()
	err = nameOrigins(c, err)
	if m.printer != nil {
		m.printer.end()
	}
	summary := lab.Summarize(results, started, inv.clk.Now().Sub(started))
	if err != nil {
		summary.Refuse(err)
	}
	return m.finish(summary, results, err)
}

// run prepares the stations and runs them. An error means that no station was started.
func (m *manyRun) run() (results []lab.Result, err error) {
	out, err := until(m.inv, drainTime, func() (*manyOutputs, error) { return openManyOutputs(m.cli, m.stations, m.inv.clk) })
	if out != nil {
		m.out = out
	}
	if err != nil {
		return nil, err
	}
	if m.fleet, err = fleetOf(m.cli); err != nil {
		return nil, err
	}
	level, err := levelOf(m.cli)
	if err != nil {
		return nil, err
	}
	if err := checkFlags(m.cli); err != nil {
		return nil, err
	}
	cache, err := engine.CacheFromEnv(m.env.Getenv)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range m.stations {
		names = append(names, visible.Line(s.Name))
	}
	m.printer = m.env.newManyPrinter(m.inv.clk, level, names, m.inv.signalContext.hurry)
	m.engine = engine.Engine{Clock: m.inv.clk, Cache: cache, Stdin: m.env.stdin(), Images: m.shared, Hurry: m.inv.signalContext.hurry, Hold: m.env.holdFor(m.cli, m.inv.clk)}
	if results, err = m.plan(); err != nil {
		return results, err
	}
	debug.SetMemoryLimit(memoryLimit + stationMemory*int64(min(len(m.stations), cmp.Or(m.fleet.Parallel, engine.DefaultParallel))))
	defer debug.SetMemoryLimit(memoryLimit)
	m.fleet.Ended = m.ended
	if m.cli.Bool("resume") {
		m.fleet.Earlier = m.earlier
	}
	return m.fleet.Run(m.inv.Context, m.stations, m.runStation), nil
}

// plan loads the policies, checks the plans of all stations and opens the images. If a plan cannot work, no station is
// started.
func (m *manyRun) plan() ([]lab.Result, error) {
	m.flashes, m.places = make([]engine.Flash, len(m.stations)), make([]placeRequest, len(m.stations))
	for i, s := range m.stations {
		f := &m.flashes[i]
		f.Name = "station " + visible.Line(s.Name)
		f.Policy, f.Err = until(m.inv, 0, func() (*engine.Policy, error) { return m.load(i, &f.Job) })
		if m.inv.Err() != nil {
			return nil, context.Cause(m.inv)
		}
	}
	e := m.engine
	e.Events = func(e engine.Event) { // of the images, which the stations share
		m.printer.printer.event(e)
	}
	failed := e.PlanAll(m.inv.Context, m.flashes, m.shared)
	var errs []error
	for i, err := range failed {
		if err != nil {
			errs = append(errs, classify.Wrap(err, "", "station %s", visible.Line(m.stations[i].Name)))
		}
	}
	if len(errs) == 0 {
		return nil, nil
	}
	results := make([]lab.Result, len(m.stations))
	for i, s := range m.stations {
		why := failed[i]
		if why == nil {
			why = classify.New(classify.FlashSkipped, "the station was not started: the plan of another one cannot work")
		}
		rep := lab.Refused(s, why)
		rep.Mode = m.flashes[i].Job.Mode()
		if failed[i] == nil {
			rep.Result = engine.ResultSkipped
		}
		results[i] = lab.Result{Index: i, Station: s, Report: rep}
		if !m.cli.Bool("resume") { // the verdict of an earlier run is still true
			m.save(i, rep)
		}
	}
	// A later try of the same command may succeed only if no station has an error that stays.
	first := max(0, slices.IndexFunc(errs, func(err error) bool { return !classify.Temporary(err) }))
	others := slices.Delete(slices.Clone(errs), first, first+1)
	return results, classify.WithSecondary(errs[first], others...)
}

// load loads the policy of a station, and sets its job.
func (m *manyRun) load(i int, job *engine.Job) (*engine.Policy, error) {
	s := m.stations[i]
	if s.Off != "" {
		return nil, classify.New(classify.Usage, "the station is out of use: %s", s.Off)
	}
	x, err := m.jobOf(s)
	if err != nil {
		return nil, err
	}
	if *job = x.job; x.place.text != "" {
		m.places[i] = x.place
		if *job, err = m.env.lookAtPlace(m.inv.Context, m.engine, x.job, x.place); err != nil {
			return nil, err
		}
	}
	x.options.Log = func(text string) { m.printer.note(i, text) }
	script, err := bindings.Inspect(x.script, x.options)
	if err != nil {
		return nil, err
	}
	p, err := script.Board()
	if err == nil && m.cli.Bool("dry-run") {
		err = checkPlan(x.script, x.options, x.options.Log)
	}
	return p, err
}

// runStation runs a station with outputs of its own.
func (m *manyRun) runStation(ctx context.Context, i int, _ lab.Station) *engine.Report {
	m.printer.begin(i)
	f := m.flashes[i]
	out, err := m.open(i)
	defer out.close()
	var rep *engine.Report
	if err != nil {
		rep = lab.Refused(m.stations[i], err)
		rep.Mode = f.Job.Mode()
	} else {
		e := m.engine
		e.RunID, e.Console = out.runID, recorder(m.printer.console(i), m.printer.level, out)
		e.Events = func(e engine.Event) {
			m.printer.event(i, e)
			out.event(e)
		}
		if at := m.places[i]; at.text != "" && !f.Job.DryRun {
			if rep, err = m.runAtPlace(ctx, i, e); err != nil {
				rep = lab.Refused(m.stations[i], err)
				rep.Mode = f.Job.Mode()
			}
		} else {
			rep = e.Run(ctx, f.Policy, f.Job)
		}
		if e.Console != nil {
			e.Console.Close() // the sink keeps the same error
		}
	}
	m.finishStation(i, rep, out)
	return rep
}

// runAtPlace runs a station at its place. The port and the power are those that the place has now, and not those of the
// plan.
func (m *manyRun) runAtPlace(ctx context.Context, i int, e engine.Engine) (*engine.Report, error) {
	x, err := m.jobOf(m.stations[i])
	if err != nil {
		return nil, err
	}
	inv := *m.inv
	inv.Context = ctx
	return m.env.runAtPlace(&inv, e, m.flashes[i].Policy, x.job, m.places[i])
}

// earlier returns the report of a verified earlier run of the same flash, nil if the station must be flashed.
func (m *manyRun) earlier(s lab.Station) *engine.Report {
	i := slices.IndexFunc(m.stations, func(x lab.Station) bool { return x.Name == s.Name })
	rep, err := m.out.readVerdict(i)
	if err != nil {
		m.printer.note(i, fmt.Sprintf("the earlier verdict is not used: %v", err))
	}
	if rep == nil {
		return nil
	}
	if why := m.flashes[i].Repeats(m.inv.Context, rep, m.shared); why != "" {
		m.printer.note(i, "the earlier run does not count: "+why)
		return nil
	}
	return rep
}

// checkStations returns an error for a station that is chosen twice, and for a name that is no name of a directory.
func checkStations(stations []lab.Station) error {
	seen := map[string]bool{}
	var errs []error
	for _, s := range stations {
		switch {
		case seen[s.Name]:
			errs = append(errs, usageError("station %s is chosen twice", visible.Line(s.Name)))
		case !isDirName(s.Name):
			errs = append(errs, usageError("the name of station %q is no name of a directory, and --out has one for each station", s.Name))
		}
		seen[s.Name] = true
	}
	return errors.Join(errs...)
}
