package lab

import (
	"cmp"
	"context"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/internal/parallel"
	"github.com/flashlua/flashlua/engine/power"
)

// Fleet runs one kind of work on many stations, several at a time. The zero value is ready to use. Plain data: safe for
// concurrent use while nothing changes it.
type Fleet struct {
	Parallel  int // stations at a time; 0 is engine.DefaultParallel
	Canary    int // the first stations, of which all must be verified before another one is started; 0 is none
	StopAfter int // failures after which no further station is started; 0 is no limit

	// Earlier returns the report of an earlier run, if the station need not run again, and nil if it must. It is called
	// for every station before the first one is started. It may be nil.
	Earlier func(s Station) *engine.Report
	// Ended is called once for each station, when its result is known. Calls may be concurrent. It may be nil.
	Ended func(r Result)
}

// Result is how a station ended. Plain data: safe for concurrent use while nothing changes it.
type Result struct {
	Index   int // of the station, from 0
	Station Station
	Report  *engine.Report // never nil; its Result is ResultSkipped if the station was not started
	Resumed bool           // the report is the one of an earlier run
}

// Verified reports whether the station ended well: in a dry run, that its plan can work.
func (r Result) Verified() bool { return r.Report.Exit == engine.ExitVerified }

// Run calls work for the stations and returns a result for each, in their order. They are started in this order. work
// is called concurrently, returns a report that is not nil, and must end with ctx; its panic is the result of its
// station alone. Once ctx has ended, no further station is started.
func (f Fleet) Run(ctx context.Context, stations []Station, work func(ctx context.Context, index int, s Station) *engine.Report) []Result {
	results := make([]Result, len(stations))
	end := func(i int, rep *engine.Report, resumed bool) Result {
		results[i] = Result{Index: i, Station: stations[i], Report: rep, Resumed: resumed}
		if f.Ended != nil {
			f.Ended(results[i])
		}
		return results[i]
	}
	var pending []int // stations to run
	canary := 0       // of them
	for i, s := range stations {
		if f.Earlier != nil {
			if rep := f.Earlier(s); rep != nil {
				end(i, rep, true)
				continue
			}
		}
		if pending = append(pending, i); i < f.Canary {
			canary++
		}
	}
	limits := parallel.Limits{AtOnce: cmp.Or(f.Parallel, engine.DefaultParallel), Canary: canary, StopAfter: f.StopAfter}
	parallel.Run(ctx, len(pending), limits, parallel.Work{
		Do: func(n int) bool {
			i := pending[n]
			return end(i, guarded(ctx, i, stations[i], work), false).Verified()
		},
		Skip: func(n int, why parallel.Reason) {
			i := pending[n]
			end(i, skipped(stations[i], f.skipError(why)), false)
		},
	})
	return results
}

// guarded calls work, and returns the report of a panic.
func guarded(ctx context.Context, i int, s Station, work func(context.Context, int, Station) *engine.Report) (rep *engine.Report) {
	defer func() {
		if v := recover(); v != nil {
			rep = Refused(s, classify.FromPanic(v))
			rep.Target.State = engine.Unknown // the board may have been touched
		}
	}()
	return work(ctx, i, s)
}

// skipError returns why a station is not started.
func (f Fleet) skipError(why parallel.Reason) error {
	switch {
	case why.Cause != nil:
		return classify.Wrap(why.Cause, classify.FlashSkipped, "the station was not started")
	case why.Canary:
		return classify.New(classify.FlashSkipped, "the station was not started: %d of the first %d failed, and the others start only if all of these are verified", why.Failed, f.Canary)
	}
	return classify.New(classify.FlashSkipped, "the station was not started: the limit of failures is reached, %d of %d", why.Failed, f.StopAfter)
}

// Refused returns the report of a station whose work could not begin.
func Refused(s Station, err error) *engine.Report {
	rep := engine.RefusedReport(err)
	rep.Station, rep.Power = s.Name, power.Mask(s.Power)
	rep.Board, rep.Port, rep.Target.Name = s.Board, engine.MaskAddress(s.Port), s.Target
	return rep
}

func skipped(s Station, err error) *engine.Report {
	rep := Refused(s, err)
	rep.Result = engine.ResultSkipped
	return rep
}
