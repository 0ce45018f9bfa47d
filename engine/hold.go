package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/hold"
)

// HoldFunc holds what names say until release is called, as hold.Locks.Acquire does. It waits as long as the operator
// allows. It is safe for concurrent use.
type HoldFunc func(ctx context.Context, names []string, r hold.Request) (release func(), err error)

// held is the station, or the consoles, that a run holds. The zero value holds nothing.
type held struct {
	release func()
	waited  time.Duration
}

func (h held) end() {
	if h.release != nil {
		h.release()
	}
}

// hold holds the station of the job, or its consoles, for a run. If another job has them it checks the plan before it
// waits: a plan that cannot work is reported at once, and not as what a later try can do.
func (e Engine) hold(ctx context.Context, p *Policy, j Job, mode Mode) (held, error) {
	if e.Hold == nil || j.DryRun {
		return held{}, nil
	}
	names, err := j.HoldNames(ctx)
	if err != nil || len(names) == 0 {
		return held{}, err
	}
	e.setDefaults()
	secrets := e.known
	if secrets == nil {
		secrets = console.NewSecrets()
	}
	events := newEmitter(e.Clock, secrets, e.RunID, e.source, e.Events)
	defer events.close(e.Hurry)
	check := sync.OnceValue(func() error {
		if mode == ModeConsole { // which has no image
			return nil
		}
		return e.checkDry(ctx, p, j)
	})
	began, waits := e.Clock.Now(), false
	release, err := e.Hold(ctx, names, hold.Request{Station: j.Station, Image: MaskAddress(j.parts()[0].Image), Notify: func(q hold.Queue) error {
		waits = true
		if err := check(); err != nil {
			return err
		}
		events.emit(Event{Type: EventHold, Place: q.Place, Text: q.String()})
		return nil
	}})
	if classify.Find(err, classify.StationHeld) != nil {
		return held{}, cmp.Or(check(), err)
	}
	if !waits || err != nil {
		return held{release: release}, err
	}
	waited := e.Clock.Now().Sub(began)
	events.emit(Event{Type: EventHold, Text: fmt.Sprintf("it is free after %s", waited.Round(100*time.Millisecond))})
	return held{release, waited}, nil
}

// holdAndSimulate holds what the job uses, and replaces the hardware of e if it is simulated: the media of a simulated
// board are part of what is held. The caller calls done after the run.
func (e *Engine) holdAndSimulate(ctx context.Context, p *Policy, j Job, mode Mode) (done func(), waited time.Duration, err error) {
	var h held
	end := func() {}
	err = recovered(func() (err error) {
		if h, err = e.hold(ctx, p, j, mode); err == nil {
			end, err = e.simulate(p, j)
		}
		return err
	})
	return func() {
		end()
		h.end()
	}, h.waited, err
}

// checkDry checks the plan of a job as a dry run does, but for the content of its images.
func (e Engine) checkDry(ctx context.Context, p *Policy, j Job) error {
	r, done, err := e.newDryRun(p, j)
	defer done()
	if err != nil {
		return err
	}
	return inOrder(ctx, r.planSteps(r.staging.checkExist))
}

// newDryRun returns a run that only checks the plan of a job. The caller calls done after it.
func (e Engine) newDryRun(p *Policy, j Job) (r *boardRun, done func(), err error) {
	e.Events = nil
	j.DryRun = true
	end, err := e.simulate(p, j)
	if err != nil {
		return nil, func() {}, err
	}
	r = e.newBoardRun(p, j, ModeDryRun)
	return r, func() {
		r.cleanups.run(func(error) {})
		end()
	}, r.resolve()
}

// HoldNames returns the names by which the job holds what it uses: its station, and its consoles, because another job
// may not name the station. A simulated board that no other run can use has none.
func (j Job) HoldNames(ctx context.Context) (names []string, err error) {
	if j.Station != "" {
		names = append(names, hold.StationName(j.Station))
	}
	ports := []string{j.Port}
	for _, port := range j.Consoles {
		ports = append(ports, port)
	}
	for _, port := range ports {
		id, err := consoleIdentity(ctx, port)
		if err != nil {
			return nil, err
		}
		if id != "" && !slices.Contains(names, id) {
			names = append(names, id)
		}
	}
	return names, nil
}
