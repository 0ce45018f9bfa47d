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
	"math/rand/v2"
	"net"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/image"
	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/serve"
	"github.com/flashlua/flashlua/engine/transport"
)

// Engine is where runs take place: the edges that a test replaces. Nil fields are the real ones.
type Engine struct {
	Clock     clock.Clock
	OpenPort  func(ctx context.Context, spec string, line transport.Line) (transport.Port, error)
	OpenPower func(spec string) (power.Driver, error)
	Listen    func(network, address string) (net.Listener, error)   // for HTTP
	ListenUDP func(network, address string) (net.PacketConn, error) // for TFTP
	Source    func(board string) (string, error)                    // the station's address on the way to a board
	Simulated bool                                                  // what the above lead to is no hardware; the verdict says so
	Events    func(Event)                                           // subscriber; called from one goroutine at a time
	Console   *console.Transcript                                   // record of the console; may be nil
	Cache     *image.Cache                                          // of unpacked images; nil keeps none
	Stdin     io.Reader                                             // what the image "-" is read from; nil is nothing
}

// run is one run under way.
type run struct {
	Engine
	policy *Policy
	job    Job
	limits Limits
	began  time.Time
	ctx    context.Context // the run's own; its end is final

	hide    *console.Secrets
	media   []*medium
	staging *staging
	files   map[string]bootFile
	http    *serve.HTTP
	tftp    *serve.TFTP
	power   power.Driver
	port    string // by the name that lasts, once it was open
	console *console.Console

	spare      int // CPUs that staging leaves to the console and the servers
	windowSize int // of TFTP, as learned; 0: not yet

	cleanups   []cleanup
	attempt    atomic.Int64
	powered    bool // an attempt began: the power state is ours to set
	emitting   sync.Mutex
	progressed map[string]progressed // by step
	wedged     atomic.Bool           // the policy did not return when it was told to: it is asked nothing any more
	inner      chan struct{}         // full while a program flashes a board; nil of a board

	mu    sync.Mutex
	state string // of the medium, if there are no media: of a board that is not flashed

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
		e.Listen = net.Listen
	}
	if e.ListenUDP == nil {
		e.ListenUDP = net.ListenPacket
	}
	if e.Source == nil {
		e.Source = serve.SourceAddress
	}
	hide := console.NewSecrets(p.UBoot.Password, p.Linux.Password)
	if e.Console != nil {
		e.Console.Hide(hide)
	}
	return &run{Engine: e, policy: p, job: j, hide: hide, ctx: ctx, began: e.Clock.Now(), state: Untouched}
}

// Run plans and flashes. What went wrong is in the report; it is never nil.
func (e Engine) Run(ctx context.Context, p *Policy, j Job) *Report {
	r := e.newRun(ctx, p, j)
	var d classify.Decision
	if err := r.guard(r.planAll); err != nil {
		d = (&classify.Classifier{OnUnknown: r.unknown}).Decide(context.Cause(r.ctx), err)
	} else if !j.DryRun {
		d = r.attempts()
	}
	r.setPower(d.Err)
	r.cleanUp()
	return r.finish(d)
}

// planAll does everything that can fail before the board is touched.
func (r *run) planAll() error {
	if err := r.bound(); err != nil {
		return err
	}
	late := classify.WithHint(classify.New(classify.DeadlineTotal, "the total deadline of %s passed", r.limits.Total), "raise limits.total in the policy or --timeout")
	var cancel context.CancelFunc
	r.ctx, cancel = clock.WithTimeout(r.ctx, r.Clock, r.limits.Total, late)
	r.defers("deadline", func() error { cancel(); return nil })
	if err := r.plan(r.ctx); err != nil {
		return err
	}
	r.emit(Event{Type: EventPlan, Text: r.planText()})
	return nil
}

// bound finds the deadlines, to which the power driver has something to say.
func (r *run) bound() (err error) {
	if r.power, err = r.OpenPower(r.job.Power); err == nil {
		r.limits, err = r.policy.limits(r.job, r.powerTime())
	}
	return err
}

// attempts is the loop: it gives the decision on the last attempt, a zero one after success.
func (r *run) attempts() classify.Decision {
	for n := 0; ; n++ {
		r.powered = true
		r.attempt.Store(int64(n + 1))
		r.emit(Event{Type: EventAttempt})
		began := r.Clock.Now()
		err := r.try()
		took := r.Clock.Now().Sub(began)
		if err == nil {
			r.report.add(n+1, took, classify.Decision{})
			r.emit(Event{Type: EventAttemptEnd, Took: took})
			return classify.Decision{}
		}
		d := r.decide(r.ctx, classify.WithTarget(classify.WithAttempt(err, n+1), r.mediumState()))
		a := r.report.add(n+1, took, d)
		r.emit(Event{Type: EventAttemptEnd, Took: took, Error: d.Err.Error(), Kind: a.Kind, Class: a.Class, Rule: a.Rule, Step: a.Step})
		if d.Class == classify.NonRetryable || n >= *r.limits.Retries {
			return d
		}
		var wait time.Duration
		wait, d.Err = r.backoff(n, d.Err)
		if wait >= r.left() {
			r.report.Stopped = fmt.Sprintf("the next attempt would begin after the total deadline of %s", r.limits.Total)
			return d
		}
		a.Wait = wait.String()
		r.emit(Event{Type: EventRetry, Wait: wait})
		if err := r.Clock.Sleep(r.ctx, wait); err != nil {
			return r.decide(r.ctx, classify.WithSecondary(err, d.Err))
		}
	}
}

// left is what remains of the total.
func (r *run) left() time.Duration { return r.limits.Total - r.Clock.Now().Sub(r.began) }

// try makes one attempt.
func (r *run) try() error {
	late := classify.WithHint(classify.New(classify.DeadlineTry, "the attempt took longer than %s", r.limits.Attempt), "raise limits.attempt in the policy")
	ctx := r.ctx
	if r.limits.Attempt < r.left() { // else the total ends it, and is to be named
		var cancel context.CancelFunc
		ctx, cancel = clock.WithTimeout(ctx, r.Clock, r.limits.Attempt, late)
		defer cancel()
	}
	ctx, stop := r.whileStaging(ctx)
	defer stop()
	r.forget()
	s := &Session{run: r, LastError: r.report.lastError()}
	defer s.over.Store(true)
	err := r.ask(ctx, func() error {
		if err := r.policy.Flash(ctx, s); err != nil {
			return err
		}
		return s.prove(ctx)
	})
	if cause := context.Cause(ctx); err == nil && cause != nil {
		err = cause
	}
	if err == nil && !r.proven() {
		err = classify.WithHint(classify.New(classify.FlashUnproven, "the flash ended without proof that %s holds the image", r.media[0].target),
			"write with sh:write(job), which verifies; what the script returned does not count")
	}
	return err
}

// ask calls into the policy. A policy that does not return when its context ended is left behind for good: the board
// must still be switched off.
func (r *run) ask(ctx context.Context, f func() error) error {
	if r.wedged.Load() {
		return classify.New(classify.ScriptLimit, "the script did not return from an earlier call")
	}
	done := make(chan error, 1)
	go func() { done <- r.guard(f) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	if r.inner != nil { // a board that the program flashes is switched off first, which has its own bounds
		r.inner <- struct{}{}
		<-r.inner
	}
	grace := make(chan struct{})
	defer r.Clock.AfterFunc(returnTime, func() { close(grace) })()
	select {
	case err := <-done:
		return err
	case <-grace:
	}
	r.wedged.Store(true)
	deaf := classify.New(classify.ScriptLimit, "the script did not return within %s of its end", returnTime)
	if cause := context.Cause(r.ctx); cause != nil {
		return classify.WithSecondary(cause, deaf)
	}
	return classify.WithSecondary(deaf, context.Cause(ctx))
}

// guard turns a panic into an error that no policy can override.
func (r *run) guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &classify.Error{
				Kind: classify.Internal, Msg: fmt.Sprintf("panic: %v", v), Detail: string(debug.Stack()),
				Hint: "this is a bug in flashlua; please report it with the detail",
			}
		}
	}()
	return f()
}

// decide judges an error. ctx is that of whoever asks: the policy's opinion ends with it.
func (r *run) decide(ctx context.Context, err error) classify.Decision {
	rules := classify.Classifier{OnUnknown: r.unknown}
	if r.policy.Classify != nil {
		rules.Policy = func(err error, next func(error) classify.Class) (classify.Class, error) {
			return r.askPolicy(ctx, err, next)
		}
	}
	return rules.Decide(context.Cause(r.ctx), err)
}

func (r *run) askPolicy(ctx context.Context, err error, next func(error) classify.Class) (class classify.Class, perr error) {
	ctx, cancel := r.hookContext(ctx, "classify")
	defer cancel()
	perr = r.ask(ctx, func() (err2 error) {
		class, err2 = r.policy.Classify(ctx, err, next)
		return err2
	})
	if perr != nil {
		perr = classify.Wrap(perr, "", "the policy's classify failed")
		r.emit(Event{Type: EventNote, Text: perr.Error()})
	}
	return class, perr
}

func (r *run) hookContext(ctx context.Context, name string) (context.Context, context.CancelFunc) {
	return clock.WithTimeout(ctx, r.Clock, hookTime, classify.New(classify.ScriptLimit, "the policy's %s took longer than %s", name, hookTime))
}

// backoff gives the wait after the n-th failure, and the error with what the policy's own backoff did wrong.
func (r *run) backoff(n int, err error) (time.Duration, error) {
	b := classify.Backoff{}
	if r.limits.Jitter > 0 {
		b.Jitter, b.Rand = r.limits.Jitter, rand.New(rand.NewPCG(uint64(r.began.UnixNano()), uint64(n)))
	}
	if r.policy.Backoff == nil {
		return b.Wait(n), err
	}
	ctx, cancel := r.hookContext(r.ctx, "backoff")
	defer cancel()
	var wait time.Duration
	perr := r.ask(ctx, func() (err2 error) {
		wait, err2 = r.policy.Backoff(ctx, n, err, func(n int, _ error) time.Duration { return b.Wait(n) })
		return err2
	})
	if perr != nil {
		perr = classify.Wrap(perr, "", "the policy's backoff failed")
		r.emit(Event{Type: EventNote, Text: perr.Error()})
		return b.Wait(n), classify.WithSecondary(err, perr)
	}
	return wait, err
}

// unknown logs an error that no rule knows.
func (r *run) unknown(err error, stack []byte) {
	r.emit(Event{Type: EventUnknown, Error: strings.Join(classify.Messages(err), ": "), Text: string(stack)})
}

// setPower puts the board into the state that its policy wants for the outcome.
func (r *run) setPower(failure error) {
	if !r.powered || r.power == nil {
		return
	}
	want := r.policy.PowerAfter.Success
	switch {
	case failure != nil && classify.Find(failure, classify.Interrupted) != nil:
		want = r.policy.PowerAfter.Cancel
	case failure != nil:
		want = r.policy.PowerAfter.Failure
	}
	do := r.power.Off
	switch want {
	case PowerKeep:
		r.emit(Event{Type: EventPower, Text: "left as it is"})
		return
	case PowerOn:
		do = r.power.On
	default:
		want = PowerOff
	}
	err := r.switchPower(context.WithoutCancel(r.ctx), do)
	e := Event{Type: EventPower, Text: string(want)}
	if err != nil {
		r.report.powerError = classify.Wrap(err, "", "the board could not be switched %s", want)
		e.Error = r.report.powerError.Error()
	}
	r.emit(e)
}

// switchPower does one action of the driver, within its own time.
func (r *run) switchPower(ctx context.Context, do func(context.Context) error) error {
	return r.switchWith(ctx, r.power, do)
}

func (r *run) switchWith(ctx context.Context, d power.Driver, do func(context.Context) error) error {
	limit := patienceOf(d)
	ctx, cancel := clock.WithTimeout(ctx, r.Clock, limit, classify.New(classify.Power, "the power driver did not answer within %s", limit))
	defer cancel()
	return r.guard(func() error { return do(ctx) })
}

// powerTime bounds one action of the run's driver.
func (r *run) powerTime() time.Duration { return patienceOf(r.power) }

func patienceOf(d power.Driver) time.Duration {
	if p, ok := d.(power.Patient); ok {
		return p.Patience()
	}
	return powerTime
}

// cleanup is one thing to undo.
type cleanup struct {
	name string
	undo func() error
}

// defers puts something on the clean-up stack.
func (r *run) defers(name string, undo func() error) {
	r.cleanups = append(r.cleanups, cleanup{name, undo})
}

// cleanUp undoes everything, last first. Every entry is tried and has undoTime; their errors are shown beside the
// primary one and change no verdict.
func (r *run) cleanUp() {
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		c := r.cleanups[i]
		if err := classify.Wrap(r.undo(c), "", "clean-up of the %s", c.name); err != nil {
			r.report.secondary = append(r.report.secondary, err)
			r.emit(Event{Type: EventCleanup, Error: err.Error()})
		}
	}
}

func (r *run) undo(c cleanup) error {
	late, done := make(chan struct{}), make(chan error, 1)
	defer r.Clock.AfterFunc(undoTime, func() { close(late) })()
	go func() { done <- r.guard(c.undo) }()
	select {
	case err := <-done:
		return err
	case <-late:
		return classify.New(classify.Internal, "it did not end within %s", undoTime)
	}
}
