package engine

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/serve"
	"github.com/flashlua/flashlua/engine/transport"
)

// ProgramJob is what the operator asks of a program. Plain data: safe for concurrent use while nothing changes it.
type ProgramJob struct {
	Name    string
	Script  Script
	Args    []string      // for the report
	Timeout time.Duration // 0 is DefaultTotal
	Access  Access        // files of the station that the program may use; the zero value allows none
}

// Program is a running program, which opens consoles, power drivers, images and servers itself. They are closed
// when it ends. One goroutine at a time uses it.
type Program struct {
	run     *run
	flashes flashRecords
	turns   powerTurns // one for all drivers: two may switch the same board
	power   []*ProgramPower
	open    []*console.Console
	runs    programRuns
	holds   programHolds
}

// RunProgram calls f with a Program. The report is never nil; its result is ResultDone if f returned nil and every
// medium that f flashed is verified. f must end with its context.
func (e Engine) RunProgram(ctx context.Context, j ProgramJob, f func(context.Context, *Program) error) *Report {
	e.grants = j.Access.resolve()
	e.begin()
	r := e.newRun(j.Name, ModeProgram, imageOptions{})
	r.script.nested = make(chan struct{}, 1)
	r.known = r.secrets
	r.report.Script, r.report.Argv = j.Script, slices.Clone(j.Args)
	p := &Program{run: r, turns: newPowerTurns()}
	ctx = withValues(ctx)
	d := p.execute(ctx, j.Timeout, f)
	p.applyPowerAfter(ctx, d.Err)
	p.runs.report(&r.report)
	return r.finish(d)
}

// execute calls f within the total time. It returns the decision on its error.
func (p *Program) execute(ctx context.Context, total time.Duration, f func(context.Context, *Program) error) classify.Decision {
	r := p.run
	limits, err := Limits{}.resolve(nil, total, defaultPowerTimeout)
	if err != nil {
		return r.decider.decide(ctx, classify.WithAttempt(err, 0))
	}
	timedOut := classify.WithHint(classify.New(classify.DeadlineTotal, "the total deadline of %s passed", limits.Total), "raise --timeout")
	ctx, cancel := clock.WithTimeout(ctx, r.Clock, limits.Total, timedOut)
	defer cancel()
	err = r.script.call(ctx, ctx, func() error { return f(ctx, p) })
	if cause := context.Cause(ctx); err == nil && cause != nil {
		err = cause
	}
	if err == nil {
		err = p.flashes.failure()
	}
	return r.decider.decide(ctx, classify.WithAttempt(err, r.events.lastAttempt()))
}

// markTouched records that the program has begun to use hardware.
func (p *Program) markTouched() { p.run.events.beginAttempt(1) }

// Note sends a text for people to the events.
func (p *Program) Note(text string) { p.run.events.note(text) }

// Clock returns the clock of the run.
func (p *Program) Clock() clock.Clock { return p.run.Clock }

// OpenFile opens a file of the station for reading, if the program may read it.
func (p *Program) OpenFile(path string) (*os.File, error) { return p.run.grants.open(path) }

// Open opens a console.
func (p *Program) Open(ctx context.Context, spec string, c Console) (*console.Console, error) {
	if err := p.run.grants.canUse(spec); err != nil {
		return nil, err
	}
	name, release, err := p.holdPort(ctx, spec)
	if err != nil {
		return nil, err
	}
	con, err := p.run.openConsole(ctx, spec, c, p.run.secrets, func(port transport.Port) transport.Port { return typedPort{port, p.markTyped} })
	if err != nil {
		release()
	}
	if err != nil && strings.HasPrefix(spec, "sim:") { // an Engine.OpenPort of a Go program may know such a port
		return nil, classify.WithHint(classify.New(classify.Usage, "%q is a simulated board, which only flash.run and flash.all start", spec),
			"start one with `flashlua sim`, and open the port that it prints")
	}
	if err != nil {
		return nil, err
	}
	p.markTouched()
	p.open = append(slices.DeleteFunc(p.open, (*console.Console).Closed), con)
	p.run.cleanups.push("console "+spec, func() error {
		defer release()
		return con.Close()
	})
	if name != "" {
		p.holds.add(portHold{name, con, release})
	}
	return con, nil
}

// markTyped records that the program types on a console of its own: its commands may change any medium.
func (p *Program) markTyped() {
	p.flashes.typed.Store(true)
	p.run.ledger.mark(Unknown)
}

// typedPort is a port that calls typed before every write.
type typedPort struct {
	transport.Port
	typed func()
}

func (p typedPort) Write(b []byte) (int, error) {
	p.typed()
	return p.Port.Write(b)
}

// Image opens an image, a file or a web address. sha256 is the digest that it must have, hex; "" for any.
func (p *Program) Image(ctx context.Context, path, sha256 string) (Image, error) {
	if err := p.run.grants.canReadImage(path); err != nil {
		return nil, err
	}
	im := &stagedImage{from: image.Ref(path), digest: sha256}
	s := newStaging(p.run.stager(imageOptions{}), p.run.events, im)
	if err := s.checkExist(ctx); err != nil {
		return nil, err
	}
	p.run.cleanups.push("image", s.start(ctx, 0))
	if err := s.wait(ctx, s.done); err != nil {
		return nil, err
	}
	return im.image(), nil
}

// Serve starts an HTTP server on an address of the station; ":0" is any port on all addresses.
func (p *Program) Serve(ctx context.Context, address string) (*FileServer, error) {
	l, err := p.run.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, serve.ListenError(err, "tcp", address)
	}
	h := serve.NewHTTP(l)
	p.run.cleanups.push("HTTP server", h.Close)
	return &FileServer{h}, nil
}
