package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/lab/labgrid"
	"github.com/flashlua/flashlua/engine/transport"
	"github.com/flashlua/flashlua/engine/visible"
)

// releaseTimeout bounds the release of a place. A coordinator waits for the exporter of each resource.
const releaseTimeout = 15 * time.Second

func placeFlag() cli.Flag {
	return &cli.StringFlag{Name: "place", Usage: "acquire `PLACE` of a labgrid coordinator for the run, labgrid:NAME or labgrid:+TAG=VALUE, instead of --port and --power"}
}

// placeRequest is a place that a command line names, and how long it waits for it.
type placeRequest struct {
	text string // labgrid:NAME, labgrid:+TAG=VALUE or labgrid:+TOKEN; "" is none
	wait time.Duration
}

func placeOf(c *cli.Context) placeRequest { return placeRequest{c.String("place"), c.Duration("wait")} }

// completionTime bounds the time for which a completion waits for a coordinator.
const completionTime = time.Second

// places returns what --place takes at the coordinator that the environment names, nil if it names none or none
// answers. A place that does not fit in a line is left out.
func (env Env) places() (all []string) {
	if env.getenv("LG_COORDINATOR") == "" { // the default is a coordinator that may not exist
		return nil
	}
	client, err := labgrid.FromEnv(env.getenv)
	if err != nil {
		return nil
	}
	ctx, stop := clock.WithTimeout(context.Background(), client.Clock, completionTime, context.DeadlineExceeded)
	defer stop()
	requests, err := client.List(ctx)
	if err != nil {
		return nil
	}
	for _, r := range requests {
		if text := r.String(); text == visible.Line(text) {
			all = append(all, text)
		}
	}
	return all
}

// checkAtPlace checks the port of a job at a place. Port and power of the place are used where the job has none.
func checkAtPlace(j engine.Job) error {
	switch {
	case engine.IsSimulated(j.Port):
		return usageError("--place and --port %s exclude each other: a simulated board is at no place", j.Port)
	case j.Port != "":
		return transport.Check(j.Port)
	}
	return nil
}

// placeClient returns the client of --place for a job. Its notes are events of the engine.
func (env Env) placeClient(e engine.Engine, job engine.Job, at placeRequest) (labgrid.Client, error) {
	client, err := labgrid.FromEnv(env.Getenv)
	client.Wait, client.Clock, client.NeedPort, client.NeedPower = at.wait, e.Clock, job.Port == "", job.Power == ""
	client.Note = func(text string) { e.Events(engine.Event{Time: e.Clock.Now(), Type: engine.EventNote, Text: text}) }
	return client, err
}

// oneAtATime returns a subscriber that calls events from one goroutine at a time.
func oneAtATime(events func(engine.Event)) func(engine.Event) {
	var mu sync.Mutex
	return func(e engine.Event) {
		mu.Lock()
		defer mu.Unlock()
		events(e)
	}
}

// runAtPlace acquires a place, runs the job there and releases the place. An error means that the place cannot be
// used, and that nothing was touched.
func (env Env) runAtPlace(inv *invocation, e engine.Engine, p *engine.Policy, job engine.Job, at placeRequest) (*engine.Report, error) {
	e.Events = oneAtATime(e.Events)
	request, err := labgrid.Parse(at.text)
	if err != nil {
		return nil, err
	}
	client, err := env.placeClient(e, job, at)
	if err != nil {
		return nil, err
	}
	if job.DryRun {
		place, err := client.Look(inv.Context, request)
		if err != nil {
			return nil, err
		}
		return e.Run(inv.Context, p, atPlace(job, place)), nil
	}
	place, err := client.Acquire(inv.Context, request)
	if err != nil {
		return nil, err
	}
	ctx, stop := place.Context(inv.Context)
	defer stop()
	e.OpenPort, e.OpenPower = place.OpenPort, place.OpenPower
	report := e.Run(ctx, p, atPlace(job, place))
	if err := inv.release(place, e.Clock); err != nil {
		client.Note(err.Error())
		report.Secondary = append(report.Secondary, err.Error())
	}
	return report, nil
}

// lookAtPlace returns a job with the port and the power of a place, for its plan. It does not acquire the place.
func (env Env) lookAtPlace(ctx context.Context, e engine.Engine, job engine.Job, at placeRequest) (engine.Job, error) {
	request, err := labgrid.Parse(at.text)
	if err != nil {
		return job, err
	}
	e.Events = func(engine.Event) {} // the run says the same
	client, err := env.placeClient(e, job, at)
	if err != nil {
		return job, err
	}
	place, err := client.Look(ctx, request)
	if err != nil {
		return job, err
	}
	return atPlace(job, place), nil
}

// release releases a place. It returns an error as soon as the run must wait for nothing but its power driver.
func (inv *invocation) release(place *labgrid.Place, clk clock.Clock) error {
	ctx, stop := clock.WithTimeout(context.WithoutCancel(inv.Context), clk, releaseTimeout, fmt.Errorf("no end within %s", releaseTimeout))
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-inv.signalContext.hurry:
			cancel(errors.New("interrupted twice"))
		case <-ctx.Done():
		}
	}()
	return place.Release(ctx)
}

// atPlace returns the job with the port and the power of the place, where it has none of its own.
func atPlace(job engine.Job, place *labgrid.Place) engine.Job {
	job.Place = place.Name()
	job.Port, job.Power = cmp.Or(job.Port, place.Port()), cmp.Or(job.Power, place.Power())
	return job
}
