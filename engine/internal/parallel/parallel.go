// Package parallel does pieces of work of one kind, several at a time. It owns how many are under way, which ones are
// not started, and why. It must not know what the work is.
package parallel

import (
	"context"
	"sync"
)

// Limits bound what is started. Plain data: safe for concurrent use while nothing changes it.
type Limits struct {
	AtOnce    int // pieces at a time; less than 1 is 1
	Canary    int // the first pieces, of which all must succeed before another one is started; 0 is none
	StopAfter int // failures after which no further piece is started; 0 is no limit
}

// Work is what Run does. Do is called concurrently; Skip is not.
type Work struct {
	Do   func(i int) (ok bool)
	Skip func(i int, why Reason) // is called instead of Do
}

// Reason is why a piece is not started. Plain data: safe for concurrent use while nothing changes it.
type Reason struct {
	Cause  error // of the context that ended; nil if none did
	Failed int   // pieces that had failed
	Canary bool  // one of the first pieces failed, and StopAfter was not reached
}

// Run does the pieces 0 to n-1, which are started in this order, and returns when all have ended. Once ctx has ended,
// or a limit is reached, no further piece is started; those under way go on, and end with ctx if they like.
func Run(ctx context.Context, n int, l Limits, w Work) {
	r := runner{ctx: ctx, limits: l, work: w, slots: make(chan struct{}, max(1, min(l.AtOnce, n)))}
	canary := min(l.Canary, n)
	r.run(0, canary)
	r.canaryFailed = r.failures() > 0
	r.run(canary, n)
}

type runner struct {
	ctx          context.Context
	limits       Limits
	work         Work
	slots        chan struct{}
	canaryFailed bool

	mu     sync.Mutex // guards failed
	failed int
}

// run does the pieces from to end-1, and returns when all have ended.
func (r *runner) run(from, end int) {
	var all sync.WaitGroup
	defer all.Wait()
	for i := from; i < end; i++ {
		r.slots <- struct{}{}
		if why, stop := r.reason(); stop {
			<-r.slots
			r.work.Skip(i, why)
			continue
		}
		all.Go(func() {
			defer func() { <-r.slots }()
			if !r.work.Do(i) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.failed++
			}
		})
	}
}

func (r *runner) failures() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// reason returns why no further piece is started, and whether there is a reason.
func (r *runner) reason() (why Reason, stop bool) {
	why.Failed = r.failures()
	switch {
	case r.ctx.Err() != nil:
		why.Cause = context.Cause(r.ctx)
	case r.limits.StopAfter > 0 && why.Failed >= r.limits.StopAfter:
	case r.canaryFailed:
		why.Canary = true
	default:
		return why, false
	}
	return why, true
}
