// Package engine runs a board policy: it plans, makes attempts, keeps deadlines, classifies what fails, waits, cleans
// up, sets the power state and says what came of it.
//
// It owns the loop, the clean-up and the proof of success, so that they work when a script cannot. It knows neither Lua
// nor the command line; a policy is a struct with three functions in it.
package engine

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/serve"
	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/transport"
)

// Engine is where runs take place: the edges that a test replaces. Nil fields are the real ones.
//
// Safe for concurrent use once its fields are set: runs that are under way at the same time may share an Engine, and call
// its functions concurrently. Console and Stdin are for one run.
type Engine struct {
	Clock      clock.Clock
	OpenPort   func(ctx context.Context, spec string, line transport.Line) (transport.Port, error)
	OpenPower  func(spec string) (power.Driver, error)
	Listen     func(ctx context.Context, network, address string) (net.Listener, error)   // for HTTP; ctx is for the opening
	ListenUDP  func(ctx context.Context, network, address string) (net.PacketConn, error) // for TFTP
	SourceAddr func(ctx context.Context, board string) (string, error)                    // the station's address on the way to a board
	Simulated  bool                                                                       // what the above lead to is no hardware; the verdict says so
	Events     func(Event)                                                                // subscriber; called from one goroutine at a time. A run waits for its calls, for 2 s in all
	Hurry      <-chan struct{}                                                            // closed: a run that ends waits for its power driver alone; nil is never
	Console    *console.Transcript                                                        // record of the console; may be nil
	Cache      *Cache                                                                     // of unpacked images; nil keeps none
	Stdin      io.Reader                                                                  // what the image "-" is read from; nil is nothing

	grants *grants          // of the program that runs; nil allows every file
	known  *console.Secrets // of the program that runs, with those of every board that it flashes; nil outside of a program
}

// run is one run under way.
type run struct {
	Engine
	policy  *Policy
	job     Job
	mode    string // of the report
	limits  Limits
	started time.Time
	ctx     context.Context // the run's own; its end is final

	secrets  *console.Secrets
	ledger   ledger
	staging  *staging
	files    map[string]bootFile
	http     *serve.HTTP
	tftp     *serve.TFTP
	power    power.Driver
	gate     powerGate
	portSpec string // by the name that lasts, once it was open
	console  *console.Console

	reservedCPUs int // CPUs that staging leaves to the console and the servers
	tftpWindow   int // of TFTP, as learned; 0: not yet

	cleanups      []cleanup
	attemptNumber atomic.Int64
	touched       bool // an attempt began: the power state is ours to set
	eventMu       sync.Mutex
	lastProgress  map[string]progressMark // by step
	sub           *subscriber             // behind Events; nil if there is none
	turns         turns                   // of the power driver
	scriptHung    atomic.Bool             // the policy did not return when it was told to: it is asked nothing any more
	nestedRun     chan struct{}           // full while a program flashes a board; nil of a board

	report Report
}

// States of the medium.
const (
	Untouched = "untouched"
	Partial   = "partial"
	Written   = "written"
	Verified  = "verified"
	Unknown   = "unknown" // somebody used the board by hand
)

// newRun fills in the real edges.
func (e Engine) newRun(ctx context.Context, p *Policy, j Job) *run {
	if e.Clock == nil {
		e.Clock = clock.Real{}
	}
	if e.OpenPort == nil {
		e.OpenPort = transport.Open
	}
	if e.OpenPower == nil {
		e.OpenPower = power.Open
	}
	if e.Listen == nil {
		e.Listen = new(net.ListenConfig).Listen
	}
	if e.ListenUDP == nil {
		e.ListenUDP = new(net.ListenConfig).ListenPacket
	}
	if e.SourceAddr == nil {
		e.SourceAddr = serve.SourceAddress
	}
	var sub *subscriber
	if e.Events != nil {
		sub = newSubscriber(e.Clock, e.Events)
		e.Events = sub.deliver
	}
	hide := e.known
	if hide == nil {
		hide = console.NewSecrets()
	}
	hide.Add(p.UBoot.Password, p.Linux.Password)
	if e.Console != nil {
		e.Console.Hide(hide)
	}
	return &run{
		Engine: e, policy: p, job: j, mode: j.Mode(), secrets: hide, ctx: withValues(ctx), started: e.Clock.Now(), sub: sub, turns: newTurns(),
		ledger: ledger{clock: e.Clock, readOnly: j.VerifyOnly, idle: Untouched},
	}
}

// Run plans and flashes. What went wrong is in the report; it is never nil.
func (e Engine) Run(ctx context.Context, p *Policy, j Job) *Report {
	done, err := e.simulate(p, j)
	defer done()
	r := e.newRun(ctx, p, j)
	var d classify.Decision
	if err == nil {
		err = r.recoverPanic(r.prepare)
	}
	if err != nil {
		d = (&classify.Classifier{OnUnknown: r.logUnknown}).Decide(context.Cause(r.ctx), err)
	} else if !j.DryRun {
		d = r.attemptLoop()
	}
	r.applyPowerAfter(d.Err)
	r.cleanUp()
	return r.finish(d)
}

// prepare does everything that can fail before the board is touched.
func (r *run) prepare() error {
	if err := r.resolveLimits(); err != nil {
		return err
	}
	late := classify.WithHint(classify.New(classify.DeadlineTotal, "the total deadline of %s passed", r.limits.Total), "raise limits.total in the policy or --timeout")
	var cancel context.CancelFunc
	r.ctx, cancel = clock.WithTimeout(r.ctx, r.Clock, r.limits.Total, late)
	r.onCleanup("deadline", func() error { cancel(); return nil })
	if err := r.check(r.ctx); err != nil {
		return err
	}
	r.emit(Event{Type: EventPlan, Text: r.planSummary()})
	return nil
}

// resolveLimits finds the deadlines, to which the power driver has something to say.
func (r *run) resolveLimits() (err error) {
	if r.power, err = r.OpenPower(r.job.Power); err == nil {
		r.limits, err = r.policy.limits(r.job, r.powerTimeout())
	}
	return err
}

// attemptLoop is the loop: it gives the decision on the last attempt, a zero one after success.
func (r *run) attemptLoop() classify.Decision {
	for n := 0; ; n++ {
		r.touched = true
		r.attemptNumber.Store(int64(n + 1))
		r.emit(Event{Type: EventAttempt})
		began := r.Clock.Now()
		err := r.tryOnce()
		took := r.Clock.Now().Sub(began)
		if err == nil {
			r.report.addAttempt(n+1, took, classify.Decision{})
			r.emit(Event{Type: EventAttemptEnd, Took: took})
			return classify.Decision{}
		}
		d := r.classifyError(r.ctx, classify.WithTarget(classify.WithAttempt(err, n+1), r.mediaState()))
		a := r.report.addAttempt(n+1, took, d)
		r.emit(Event{Type: EventAttemptEnd, Took: took, Error: d.Err.Error(), Kind: a.Kind, Class: a.Class, Rule: a.Rule, Step: a.Step})
		if d.Class == classify.Fatal || n >= *r.limits.Retries {
			return d
		}
		var wait time.Duration
		wait, d.Err = r.nextWait(n, d.Err)
		if wait >= r.remaining() {
			r.report.StopReason = fmt.Sprintf("the next attempt would begin after the total deadline of %s", r.limits.Total)
			return d
		}
		a.Wait = wait.String()
		r.emit(Event{Type: EventRetry, Wait: wait})
		if err := r.Clock.Sleep(r.ctx, wait); err != nil {
			return r.classifyError(r.ctx, classify.WithSecondary(err, d.Err))
		}
	}
}

// remaining is what remains of the total.
func (r *run) remaining() time.Duration { return r.limits.Total - r.Clock.Now().Sub(r.started) }

// tryOnce makes one attempt.
func (r *run) tryOnce() error {
	late := classify.WithHint(classify.New(classify.DeadlineAttempt, "the attempt took longer than %s", r.limits.Attempt), "raise limits.attempt in the policy")
	ctx := r.ctx
	if r.limits.Attempt < r.remaining() { // else the total ends it, and is to be named
		var cancel context.CancelFunc
		ctx, cancel = clock.WithTimeout(ctx, r.Clock, r.limits.Attempt, late)
		defer cancel()
	}
	ctx, stop := r.cancelIfStagingFails(ctx)
	defer stop()
	r.voidReceipts()
	s := &Session{run: r, LastError: r.report.lastError()}
	defer s.ended.Store(true)
	err := r.callScript(ctx, func() error {
		defer func() { r.console.EndEpoch(ctx, "the attempt is over") }()
		if err := r.policy.Flash(ctx, s); err != nil {
			return err
		}
		return s.reverify(ctx)
	})
	if cause := context.Cause(ctx); err == nil && cause != nil {
		err = cause
	}
	if err == nil {
		err = r.proofError()
	}
	return err
}
