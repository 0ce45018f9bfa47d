// Package engine runs a board policy: it checks the plan, makes attempts within deadlines, classifies errors,
// waits, cleans up, sets the power state and reports the result.
//
// It owns the attempts, the clean-up and the proof of success, so that they work even when a script does not. It
// does not know Lua or the command line: a policy is a struct with functions.
//
// An image is staged when it is downloaded, decompressed and checked. A receipt is the digest of what was read back
// from a medium. A later write to the same disk, or a command that may write, voids it: the medium must be read again.
// An epoch (console.Epoch) is the time in which a prompt or a shell can be used.
package engine

import (
	"context"
	"io"
	"net"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/serve"
	"github.com/flashlua/flashlua/engine/internal/usbdisk"
	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/transport"
)

// Engine is the environment of runs: hardware, network, clock and subscriber. The zero value uses the station;
// tests replace fields.
//
// Safe for concurrent use once its fields are set: concurrent runs may share an Engine, and call its functions
// concurrently. RunID, Console and Stdin are for one run.
type Engine struct {
	Clock    clock.Clock
	OpenPort func(ctx context.Context, spec string, line transport.Line) (transport.Port, error)
	// OpenPower may return a nil driver: a person switches the board then.
	OpenPower func(spec string) (power.Driver, error)
	// Listen and ListenUDP open the sockets of the HTTP and the TFTP server. Their contexts are for the opening. With a
	// nil ListenUDP, runs of this process and of others share the port of TFTP's requests.
	Listen    func(ctx context.Context, network, address string) (net.Listener, error)
	ListenUDP func(ctx context.Context, network, address string) (net.PacketConn, error)
	// SourceAddr returns the station's address as the board at address board sees it.
	SourceAddr func(ctx context.Context, board string) (string, error)
	// USBDisks returns the disks that are connected to the station by USB.
	USBDisks func() ([]USBDisk, error)
	// Simulated says that the functions above use no hardware. The report has it.
	Simulated bool
	// Events is the subscriber, called from one goroutine at a time. A run waits for its calls, for 2 s in all.
	Events func(Event)
	// Hurry is closed when a run that ends must wait for nothing but its power driver. Nil is never.
	Hurry <-chan struct{}
	// RunID is the name of one run in its report, events and transcript. "" is a name at random.
	RunID string
	// Console records the console. It may be nil.
	Console *console.Transcript
	// Hold keeps other jobs off the station or the console of a run. Nil does not.
	Hold HoldFunc
	// Rules come before the built-in rules of classification. A policy's classify overrides both.
	Rules []classify.NamedRule
	// Cache keeps decompressed images. Nil keeps none.
	Cache *Cache
	// Images are open images, which runs share. Nil are none.
	Images *SharedImages
	// Stdin is the source of the image "-". Nil is none.
	Stdin io.Reader

	grants *grants          // of the program in which the run takes place; nil allows every file
	known  *console.Secrets // of that program and of all boards that it flashes; nil outside of a program
	source runName          // of the run in that program; the zero value outside of a program
}

// setDefaults replaces nil fields by those of the station.
func (e *Engine) setDefaults() {
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
	if e.SourceAddr == nil {
		e.SourceAddr = serve.SourceAddress
	}
	if e.USBDisks == nil {
		e.USBDisks = usbdisk.Sysfs("/sys").Disks
	}
}

// begin sets what a run has that is not part of another one: its defaults and its RunID, which begins the transcript.
func (e *Engine) begin() {
	e.setDefaults()
	if e.source.number > 0 { // the program has begun
		return
	}
	if e.RunID == "" {
		e.RunID = NewRunID()
	}
	if e.Console != nil {
		e.Console.Note(e.Clock.Now(), "run "+e.RunID)
	}
}

// Run flashes a board: it checks the plan and makes attempts until one is verified. The report is never nil.
func (e Engine) Run(ctx context.Context, p *Policy, j Job) *Report {
	e.begin()
	ctx = withValues(ctx)
	done, waited, err := e.holdAndSimulate(ctx, p, j, j.Mode())
	defer done()
	r := e.newBoardRun(p, j, j.Mode())
	r.report.Waited = waited
	var d classify.Decision
	if err != nil {
		d = r.decider.builtin(ctx, err)
	} else {
		d = r.execute(ctx)
	}
	r.powerError = r.power.applyAfter(ctx, d.Err, r.outputs.applyAfter)
	return r.finish(d)
}
