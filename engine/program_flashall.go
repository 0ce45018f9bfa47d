package engine

import (
	"context"
	"fmt"
	"sync"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// DefaultParallel is how many boards FlashAll flashes at a time if its options do not say.
const DefaultParallel = 4

// Flash is one flash of FlashAll. Policy and Job belong to it: the policy's functions are called while those of
// other flashes are, too. Plain data: safe for concurrent use while nothing changes it.
type Flash struct {
	Run    *ProgramRun
	Policy *Policy
	Job    Job
	Err    error // why there is no policy or job; nil if there is
}

// FlashAllOptions are the options of FlashAll. Plain data: safe for concurrent use while nothing changes it.
type FlashAllOptions struct {
	Parallel  int // flashes at a time; 0 is DefaultParallel
	StopAfter int // failures after which no further flash is started; 0 is no limit
}

// FlashAll flashes several boards, some at a time, as Flash does each. It first checks the plans of all, and opens
// their images, each once. If that fails for one, it returns the error, and no board was touched. Else it returns
// the reports of all flashes in the order of all, whatever failed. A flash that was not started has the result
// ResultSkipped, and counts as one that failed.
func (p *Program) FlashAll(ctx context.Context, all []Flash, o FlashAllOptions) ([]*Report, error) {
	end := p.run.script.beginNested()
	defer end()
	for _, f := range all {
		f.Run.name.shared = len(all) > 1
		if f.Err == nil {
			f.Run.Describe(f.Policy.Name, f.Job.Port)
		}
	}
	shared := sharedImages{}
	defer shared.close()
	if err := p.planAll(ctx, all, shared); err != nil {
		return nil, err
	}
	reports := p.flashAll(ctx, all, o, shared)
	p.recordAll(all, reports)
	return reports, nil
}

// recordAll records the reports. Simulated boards may have the same port, so the failures come last: a success on
// one of them does not replace the failure of another.
func (p *Program) recordAll(all []Flash, reports []*Report) {
	for i, f := range all {
		p.addRun(f.Run, reports[i])
	}
	for _, failed := range []bool{false, true} {
		for i, f := range all {
			switch rep := reports[i]; {
			case (rep.Err != nil) != failed:
			case rep.Result == ResultSkipped:
				p.flashes.record(flashResult{port: f.Job.Port, target: f.Job.Target, err: rep.Err})
			default:
				p.recordFlash(f.Job, rep)
			}
		}
	}
}

// flashAll flashes the boards, whose plans can work.
func (p *Program) flashAll(ctx context.Context, all []Flash, o FlashAllOptions, shared sharedImages) []*Report {
	if o.Parallel == 0 {
		o.Parallel = DefaultParallel
	}
	var (
		reports = make([]*Report, len(all))
		slots   = make(chan struct{}, min(o.Parallel, len(all)))
		wg      sync.WaitGroup
		mu      sync.Mutex // guards failed
		failed  int
	)
	reason := func() string { // why no further flash is started, "" if there is no reason
		mu.Lock()
		defer mu.Unlock()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx).Error()
		case o.StopAfter > 0 && failed >= o.StopAfter:
			return plural(failed, "flash") + " failed, and stop_after is " + fmt.Sprint(o.StopAfter)
		}
		return ""
	}
	for i, f := range all {
		slots <- struct{}{}
		if why := reason(); why != "" {
			reports[i] = p.skip(f, why)
			<-slots
			continue
		}
		wg.Go(func() {
			defer func() { <-slots }()
			e, done := p.parallelEngine(f.Run, shared)
			defer done()
			reports[i] = p.flash(ctx, f.Run, e, f.Policy, f.Job)
			if reports[i].Err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed++
			}
		})
	}
	wg.Wait()
	return reports
}

// parallelEngine returns the environment of a flash that shares the program's with others: it has a transcript of
// its own, whose lines name the flash. done must be called after the flash.
func (p *Program) parallelEngine(x *ProgramRun, shared sharedImages) (e Engine, done func()) {
	e = p.run.Engine
	e.shared = shared
	if e.Console == nil {
		return e, func() {}
	}
	own := e.Console.Named(fmt.Sprintf("[%d %s]", x.name.number, x.name.board))
	e.Console = own
	return e, func() { own.Close() } // the program's transcript keeps the same error
}

// skip returns the report of a flash that is not started, and emits its end.
func (p *Program) skip(f Flash, why string) *Report {
	rep := skippedReport(f, why)
	e := Event{Type: EventEnd, Text: string(rep.Result), Error: rep.Error, Kind: rep.Kind, Rule: rep.Rule}
	f.Run.name.name(&e)
	p.run.events.emit(e)
	return rep
}

// skippedReport returns the report of a flash that was not started.
func skippedReport(f Flash, why string) *Report {
	rep := RefusedReport(classify.New(classify.FlashSkipped, "the flash was not started: %s", why))
	rep.Result, rep.Mode, rep.Board, rep.Port = ResultSkipped, f.Job.Mode(), f.Policy.Name, f.Job.Port
	rep.Target.Name, rep.Image.Path = f.Job.Target, MaskAddress(f.Job.Image)
	return rep
}

// imageKey is what the content of a staged image depends on.
type imageKey struct {
	from    image.Ref
	digest  string
	options imageOptions
}

// sharedImages are open images of a program that its runs use, and do not close.
type sharedImages map[imageKey]*image.Image

func (s sharedImages) close() {
	for _, im := range s {
		im.Close()
	}
}
