package engine

import (
	"cmp"
	"context"
	"io"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/serve"
	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/transport"
)

// ModeProgram is the mode of a program's report, and Done its result when it ended well.
const (
	ModeProgram = "program"
	ResultDone  = "done"
)

// ProgramJob is what the operator asks of a program. Plain data: safe for concurrent use while nothing changes it.
type ProgramJob struct {
	Name    string
	Timeout time.Duration // 0 is DefaultTotal
	Access  Access        // files of the station that the program may use; of the zero value none
}

// Program is a script's own run under way: it opens what it needs itself. What it opened is closed in the end, and what it
// switched on is left as it wants. One goroutine at a time uses it.
type Program struct {
	run          *run
	job          ProgramJob
	flashResults []flashResult
	power        []*ProgramPower
	open         []*console.Console
	typed        atomic.Bool // on a console of its own, since the last flash that touched a medium
}

// flashResult is what became of a medium that the program had flashed.
type flashResult struct {
	port, target string
	err          error
	state        string // of the target
}

// RunProgram gives f a Program to work with, until it returns or ctx ends. It ends well if f does and every medium that f
// had flashed is verified. The report is never nil.
func (e Engine) RunProgram(ctx context.Context, j ProgramJob, f func(context.Context, *Program) error) *Report {
	e.grants = j.Access.resolve()
	r := e.newRun(ctx, &Policy{Name: j.Name}, Job{Timeout: j.Timeout})
	r.mode, r.nestedRun = ModeProgram, make(chan struct{}, 1)
	r.known = r.secrets
	p := &Program{run: r, job: j}
	var d classify.Decision
	if err := p.execute(f); err != nil {
		d = r.classifyError(r.ctx, classify.WithAttempt(err, int(r.attemptNumber.Load())))
	}
	p.applyPowerAfter(d.Err)
	r.cleanUp()
	return r.finish(d)
}

// execute runs f under the total deadline.
func (p *Program) execute(f func(context.Context, *Program) error) (err error) {
	r := p.run
	if r.limits, err = r.policy.limits(r.job, r.powerTimeout()); err != nil {
		return err
	}
	late := classify.WithHint(classify.New(classify.DeadlineTotal, "the total deadline of %s passed", r.limits.Total), "raise --timeout")
	var cancel context.CancelFunc
	r.ctx, cancel = clock.WithTimeout(r.ctx, r.Clock, r.limits.Total, late)
	r.onCleanup("deadline", func() error { cancel(); return nil })
	err = r.callScript(r.ctx, func() error { return f(r.ctx, p) })
	if cause := context.Cause(r.ctx); err == nil && cause != nil {
		return cause
	}
	if err != nil {
		return err
	}
	for _, x := range p.flashResults {
		if x.err != nil {
			return classify.WithSecondary(classify.WithHint(classify.New(classify.FlashUnverified, "the program ended, but the last flash%s%s did not end verified",
				prefixed(" of ", x.target), prefixed(" on ", x.port)),
				"a failed flash that is caught is a failure all the same: flash it again until it succeeds, or let the error go on"), x.err)
		}
	}
	return nil
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// markTouched notes that from now on a failure is one of a board's.
func (p *Program) markTouched() {
	p.run.touched = true
	p.run.attemptNumber.Store(1)
}

// Note tells the people who watch.
func (p *Program) Note(text string) { p.run.emit(Event{Type: EventNote, Text: text}) }

// Clock is the run's.
func (p *Program) Clock() clock.Clock { return p.run.Clock }

// OpenFile opens a file of the station to read, if the program may.
func (p *Program) OpenFile(path string) (*os.File, error) { return p.run.grants.open(path) }

// Open opens a console. It is closed in the end.
func (p *Program) Open(ctx context.Context, spec string, c Console) (*console.Console, error) {
	if err := p.run.grants.canUse(spec); err != nil {
		return nil, err
	}
	open := func(ctx context.Context, spec string) (io.ReadWriteCloser, error) {
		port, err := p.run.openPort(ctx, spec, c.Line)
		if err != nil {
			return nil, err
		}
		return typedPort{port, p.markTyped}, nil
	}
	port, err := open(ctx, spec)
	if err != nil {
		return nil, err
	}
	p.markTouched()
	lasting := transport.StableName(spec)
	cfg := console.Config{Clock: p.run.Clock, Typing: c.Typing, Watch: c.Watch, Secrets: p.run.secrets, Reopen: console.Reopen{
		Open:    func(ctx context.Context) (io.ReadWriteCloser, error) { return open(ctx, lasting) },
		Timeout: max(c.Reopen, 0),
	}}
	if c.Reopen == 0 {
		cfg.Reopen.Timeout = DefaultReopen
	}
	if p.run.Console != nil {
		cfg.Recorder = p.run.Console
	}
	con := console.New(port, cfg)
	p.open = append(slices.DeleteFunc(p.open, (*console.Console).Closed), con)
	p.run.onCleanup("console "+spec, con.Close)
	return con, nil
}

// ProgramPower is a power driver that a program switches. One goroutine at a time uses it.
type ProgramPower struct {
	program  *Program
	driver   power.Driver
	after    PowerAfter
	offTime  time.Duration
	switched bool
}

// Power opens a driver. If it is used, the board is left as after says.
func (p *Program) Power(ctx context.Context, spec string, after PowerAfter, offTime time.Duration) (*ProgramPower, error) {
	if err := p.run.grants.canUse(spec); err != nil {
		return nil, err
	}
	d, err := p.run.OpenPower(spec)
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, classify.New(classify.Usage, "%q is no power driver that could switch", spec)
	}
	x := &ProgramPower{program: p, driver: d, after: after, offTime: offTime}
	if err := p.run.withDriverTimeout(ctx, d, d.Check); err != nil {
		return nil, err
	}
	p.power = append(p.power, x)
	return x, nil
}

// On switches the board on.
func (x *ProgramPower) On(ctx context.Context) error { return x.switchPower(ctx, PowerOn, x.driver.On) }

// Off switches it off.
func (x *ProgramPower) Off(ctx context.Context) error {
	return x.switchPower(ctx, PowerOff, x.driver.Off)
}

// Cycle switches it off, lets it rest, and switches it on.
func (x *ProgramPower) Cycle(ctx context.Context) error {
	if err := x.Off(ctx); err != nil {
		return err
	}
	if _, instant := x.driver.(power.Instant); !instant {
		if err := x.program.run.Clock.Sleep(ctx, x.offTime); err != nil {
			return err
		}
	}
	return x.On(ctx)
}

func (x *ProgramPower) switchPower(ctx context.Context, state PowerState, do func(context.Context) error) error {
	x.program.markTouched()
	x.program.endEpoch(ctx, "the board was switched "+string(state))
	x.switched = true
	return x.program.run.withDriverTimeout(ctx, x.driver, do)
}

// endEpoch ends the epoch of the console's prompt or shell if one console is open. Of several, the driver may switch any.
func (p *Program) endEpoch(ctx context.Context, event string) {
	p.open = slices.DeleteFunc(p.open, (*console.Console).Closed)
	if len(p.open) == 1 {
		p.open[0].EndEpoch(ctx, event)
	}
}

// applyPowerAfter leaves every board as the program wants.
func (p *Program) applyPowerAfter(failure error) {
	r := p.run
	for _, x := range p.power {
		if !x.switched {
			continue
		}
		r.power, r.policy.PowerAfter = x.driver, x.after
		r.applyPowerAfter(failure)
	}
	r.power = nil
}

// Image opens an image, a file or a web address, and compares its digest if one is given. It is closed in the end.
func (p *Program) Image(ctx context.Context, path, sha256 string) (Image, error) {
	if err := p.run.grants.canReadImage(path); err != nil {
		return nil, err
	}
	sub := &run{Engine: p.run.Engine, policy: p.run.policy, job: Job{DryRun: true}, ctx: ctx, secrets: p.run.secrets}
	sub.ledger.add(&medium{source: Part{Image: path, SHA256: sha256}})
	err := sub.stageImages(ctx)
	p.run.cleanups = append(p.run.cleanups, sub.cleanups...)
	if err != nil {
		return nil, err
	}
	return sub.ledger.media[0].image, nil
}

// Serve starts an HTTP server on an address of this machine, ":0" on all and any port. It is closed in the end.
func (p *Program) Serve(ctx context.Context, address string) (*FileServer, error) {
	l, err := p.run.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, serve.ListenError(err, "tcp", address)
	}
	h := serve.NewHTTP(l)
	p.run.onCleanup("HTTP server", h.Close)
	return &FileServer{h}, nil
}

// RecordRefusal notes that a flash could not even begin, which counts as one that failed.
func (p *Program) RecordRefusal(j Job, err error) {
	p.recordResult(flashResult{port: j.Port, target: j.Target, err: err})
}

// recordResult keeps the last flash of each medium. One that never came to a medium is made good by any of that port.
func (p *Program) recordResult(last flashResult) {
	p.flashResults = slices.DeleteFunc(p.flashResults, func(x flashResult) bool { return x.port == last.port && (x.target == last.target || x.target == "") })
	p.flashResults = append(p.flashResults, last)
}

// Flash runs a policy as flashlua run does. What became of it counts for the program: a medium whose last flash failed is
// a failure, whatever the program makes of it.
func (p *Program) Flash(ctx context.Context, policy *Policy, j Job) *Report {
	e := p.run.Engine
	if err := e.grants.canFlash(policy, j); err != nil {
		p.RecordRefusal(j, err)
		return RefusedReport(err)
	}
	e.Console = p.run.Console
	done, err := e.simulate(policy, j)
	if err != nil {
		p.RecordRefusal(j, err)
		return RefusedReport(err)
	}
	defer done()
	p.run.report.Simulated = p.run.report.Simulated || e.Simulated
	p.markTouched()
	p.run.nestedRun <- struct{}{}
	rep := e.Run(ctx, policy, j)
	<-p.run.nestedRun
	p.recordReport(flashResult{port: j.Port, target: cmp.Or(rep.Target.Name, j.Target), err: rep.Err}, j.Image, rep)
	return rep
}

// WriteDevice writes an image to a medium of this machine as flashlua write does. It counts as Flash does.
func (p *Program) WriteDevice(ctx context.Context, j WriteJob) *Report {
	e := p.run.Engine
	if err := cmp.Or(e.grants.canReadImage(j.Image), e.grants.canWriteMedium(j.To)); err != nil {
		p.recordResult(flashResult{port: j.To, err: err})
		return RefusedReport(err)
	}
	p.markTouched()
	e.Simulated = false // whatever board was flashed before
	rep := e.Write(ctx, j)
	p.recordReport(flashResult{port: j.To, err: rep.Err}, j.Image, rep)
	return rep
}

// recordReport records what became of a medium.
func (p *Program) recordReport(last flashResult, image string, rep *Report) {
	last.state = p.leftAs(last.port, last.target, rep.Target.State)
	p.recordResult(last)
	p.run.job.Image, p.run.report.Image, p.run.report.Target, p.run.report.Parts = image, rep.Image, rep.Target, rep.Parts
	p.run.markMedia(last.state)
}
