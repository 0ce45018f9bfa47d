package engine

import (
	"crypto/rand"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/flash"
	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/serve"
	"github.com/flashlua/flashlua/engine/power"
)

// run is what all runs have: that of a board, of a program, and of a medium of the station.
type run struct {
	Engine
	mode    Mode
	started time.Time

	secrets  *console.Secrets
	events   *emitter
	cleanups cleanups
	ledger   ledger
	staging  *staging
	script   scriptCaller
	decider  decider
	history  errorHistory

	powerError error   // the final power state could not be set
	secondary  []error // errors other than the run's, for the report
	report     Report
}

// newRun starts a run of the board or program name.
func (e Engine) newRun(name string, mode Mode, o imageOptions) *run {
	e.setDefaults()
	secrets := e.known
	if secrets == nil {
		secrets = console.NewSecrets()
	}
	if e.Console != nil {
		e.Console.Hide(secrets)
	}
	events := newEmitter(e.Clock, secrets, e.RunID, e.source, e.Events)
	if events.sub != nil {
		e.Events = events.sub.deliver // of runs within this one
	}
	r := &run{
		Engine: e, mode: mode, started: e.Clock.Now(), secrets: secrets, events: events,
		cleanups: cleanups{clock: e.Clock, hurry: e.Hurry},
		ledger:   ledger{clock: e.Clock, idle: Untouched},
		script:   scriptCaller{clock: e.Clock, hurry: e.Hurry},
		report:   Report{Run: e.source.number, Board: name, Simulated: e.Simulated},
	}
	r.report.identify(e.RunID)
	r.report.Started = timeOf(r.started)
	r.staging = newStaging(r.stager(o), events)
	r.staging.shared, r.staging.options = e.Images, o
	r.decider = decider{clock: e.Clock, script: &r.script, events: events, rules: e.Rules}
	return r
}

// imageOptions are the options of a job for all its images.
type imageOptions struct {
	maxSize    int64  // bytes, decompressed; 0 is no limit
	format     string // as ParseFormat takes it
	noBlockMap bool
}

// stager returns what all images of the run have in common.
func (r *run) stager(o imageOptions) image.Stager {
	return image.Stager{
		Clock: r.Clock, MaxSize: o.maxSize, Format: image.Format(o.format), NoBlockMap: o.noBlockMap, Stdin: r.Stdin, Cache: r.Cache.inner(), Permit: r.grants.permitRead,
		Observer: image.Observer{Progress: r.events.progress, Note: r.events.note},
	}
}

// plannedPart is an image of the job.
type plannedPart struct {
	*stagedImage
	label string // of its partition; "" is the whole target
}

// addMedium adds an image and its target to the plan.
func (r *run) addMedium(m *medium) {
	r.ledger.add(m)
	r.staging.images = append(r.staging.images, m.stagedImage)
}

// finish cleans up and completes the report.
func (r *run) finish(d classify.Decision) *Report {
	r.cleanups.run(func(err error) {
		r.secondary = append(r.secondary, err)
		r.events.emit(Event{Type: EventCleanup, Error: err.Error()})
	})
	rep := &r.report
	ended := r.Clock.Now()
	rep.Mode, rep.Attempt, rep.Duration = r.mode, r.events.lastAttempt(), ended.Sub(r.started)
	rep.EndAt(ended)
	rep.setMedia(&r.ledger)
	rep.complete(d, r.powerError, r.secondary, r.secrets)
	r.events.emit(rep.EndEvent(ended))
	lost, failed := r.events.close(r.Hurry)
	if failed != nil {
		rep.Secondary = append(rep.Secondary, failed.Error())
	}
	if lost > 0 {
		rep.Lost = append(rep.Lost, Loss{Output: "subscriber", Lines: lost})
	}
	return rep
}

// boardRun is a run of a board by its policy.
type boardRun struct {
	*run
	policy *Policy
	job    Job
	limits Limits
	args   map[string]any // values of the policy's arguments

	planned   Target // of the job's images; the zero target if the policy chooses it
	parts     []plannedPart
	ownImages map[image.Ref]*staging // that the policy chose, by their paths

	power    powerControl
	outputs  outputs
	console  boardConsole
	consoles []*secondConsole
	files    bootFiles
	http     *serve.HTTP

	resume flash.Resume // what U-Boot wrote
	token  string       // before the names of files that the board loads by TFTP
	pieces int          // that were offered
}

// tokenLength is the number of letters, of five bits each, that U-Boot is typed before the name of a file.
const tokenLength = 6

func (e Engine) newBoardRun(p *Policy, j Job, mode Mode) *boardRun {
	j = j.withSchemes()
	r := &boardRun{run: e.newRun(p.Name, mode, imageOptions{j.MaxSize, j.Format, j.NoBlockMap}), policy: p, job: j, token: rand.Text()[:tokenLength]}
	r.secrets.Add(p.UBoot.Password, p.Linux.Password)
	for _, name := range j.SecretArgs {
		r.secrets.Add(j.Args[name])
	}
	r.decider.policy = p
	r.ledger.readOnly = j.VerifyOnly
	r.report.Station, r.report.Place, r.report.Port, r.report.Power, r.report.Script = j.Station, j.Place, j.Port, power.Mask(j.Power), p.Script
	r.report.Image.Path = image.Ref(j.Image).String()
	r.report.Variant, r.report.PolicySHA256 = p.Variant, p.SHA256
	r.report.Check = skippedCheck(p, j, mode)
	r.power = powerControl{
		driverControl: driverControl{name: "the power driver", clock: r.Clock, turns: newPowerTurns()},
		events:        r.events, after: p.PowerAfter, offTime: p.OffTime,
	}
	r.console = boardConsole{engine: &r.Engine, secrets: r.secrets, cfg: p.Console, spec: j.Port}
	return r
}

// resolveLimits opens the power driver and computes the limits, which depend on the driver's timeout.
func (r *boardRun) resolveLimits() (err error) {
	if r.power.driver, err = r.OpenPower(r.job.Power); err == nil {
		r.limits, err = r.policy.Limits.resolve(r.job.Retries, r.job.Timeout, r.power.timeout())
	}
	return err
}

// remaining returns what is left of the total time.
func (r *boardRun) remaining() time.Duration { return r.limits.Total - r.Clock.Now().Sub(r.started) }
