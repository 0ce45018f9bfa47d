package engine

import (
	"cmp"
	"context"
	"fmt"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/parallel"
)

// DefaultParallel is how many boards FlashAll flashes at a time if its options do not say.
const DefaultParallel = 4

// FlashAllOptions are the options of FlashAll. Plain data: safe for concurrent use while nothing changes it.
type FlashAllOptions struct {
	Parallel  int // flashes at a time; 0 is DefaultParallel
	Canary    int // the first flashes, of which all must succeed before another one is started; 0 is none
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
	shared := &SharedImages{}
	defer shared.Close()
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
func (p *Program) flashAll(ctx context.Context, all []Flash, o FlashAllOptions, shared *SharedImages) []*Report {
	reports := make([]*Report, len(all))
	parallel.Run(ctx, len(all), parallel.Limits{AtOnce: cmp.Or(o.Parallel, DefaultParallel), Canary: o.Canary, StopAfter: o.StopAfter}, parallel.Work{
		Do: func(i int) bool {
			f := all[i]
			e, done := p.parallelEngine(f.Run, shared)
			defer done()
			reports[i] = p.flash(ctx, f.Run, e, f.Policy, f.Job)
			return reports[i].Err == nil
		},
		Skip: func(i int, why parallel.Reason) { reports[i] = p.skip(all[i], skipReason(why, o)) },
	})
	return reports
}

// skipReason describes why a flash is not started.
func skipReason(why parallel.Reason, o FlashAllOptions) string {
	switch {
	case why.Cause != nil:
		return why.Cause.Error()
	case why.Canary:
		return fmt.Sprintf("%d of the first %d failed, and canary is %[2]d", why.Failed, o.Canary)
	}
	return fmt.Sprintf("%s, and stop_after is %d", plural(why.Failed, "failure"), o.StopAfter)
}

// parallelEngine returns the environment of a flash that shares the program's with others: it has a transcript of
// its own, whose lines name the flash. done must be called after the flash.
func (p *Program) parallelEngine(x *ProgramRun, shared *SharedImages) (e Engine, done func()) {
	e = p.run.Engine
	e.Images = shared
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
	e := rep.EndEvent(p.run.Clock.Now())
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
