// Package uboot drives U-Boot over a console: stop autoboot, run commands, get a lease, load files, start a
// kernel.
//
// It owns what U-Boot prints and what that means. It does not know which files a board needs or what comes after
// the boot. It is not meant for embedders, except for Config, which is a part of engine.Policy.
package uboot

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// Config describes one board's U-Boot.
type Config struct {
	Prompts     []string        // how the prompt ends, in each U-Boot that the board may have
	Autoboot    string          // the text that it prints when autoboot can be stopped; "": Keys are typed from the beginning
	Keys        string          // what to type then: a key, or a word; Enter is not added; "" types nothing
	KeyInterval time.Duration   // how often the keys are typed until the prompt is there
	Password    string          // typed with Enter when asked for, and at Autoboot if there are no Keys; it is never recorded
	Timeout     time.Duration   // from power-on to the prompt
	Line        int             // the longest line that it takes, in bytes
	Pacing      *console.Pacing // how fast to type; nil is the console's
	Network     string          // a command that finds the network card; "" if U-Boot needs none
	Shell       string          // Hush or Simple; "" is Hush

	RAM RAM // that nothing else uses, for images; the zero RAM is found by bdinfo

	Env   map[string]string // variables that are set at each new prompt, to literal values; they are not saved
	Setup []string          // commands at each new prompt, after Env; each must succeed
}

// RAM is a range of memory. Plain data: safe for concurrent use.
type RAM struct {
	Address uint64
	Size    int64 // bytes
}

// State is what is known of a board when Interrupt is called.
type State int

// The states of a board.
const (
	AnyState  State = iota // it may be off, booting, at its prompt, or in Linux
	JustReset              // its power driver has reset it: a kernel that starts now means that autoboot was not stopped
)

// Default is the configuration of a stock U-Boot.
var Default = Config{
	Prompts: []string{"=> "}, Autoboot: "Hit any key to stop autoboot", Keys: " ", KeyInterval: 200 * time.Millisecond,
	Shell: Hush, Timeout: time.Minute, Line: 480,
}

const (
	drainSilence   = 100 * time.Millisecond // silence that ends the drain after the prompt
	drainTimeout   = 2 * time.Second
	syncTries      = 3
	syncTimeout    = 2 * time.Second
	commandTimeout = 30 * time.Second // for a command that has no timeout of its own
	dhcpTimeout    = time.Minute
	loadStall      = 30 * time.Second // silence that ends a load
)

// aborts end every wait for U-Boot.
var aborts = []console.Abort{console.Reset, console.Crash}

// UBoot is a U-Boot prompt that answers. It belongs to one goroutine.
type UBoot struct {
	console.Interpreter
	network string
	defined variables
	window  int    // of TFTP, as the environment has it; 0: nothing of TFTP is set yet
	noRetry bool   // netretry is no
	simple  bool   // its shell keeps no exit code
	badBaud int    // of a load over the console at which the board did not answer; 0: none
	wget    string // the command that loads by HTTP, as a format; "": U-Boot was not asked for it yet
	held    string // the command that Hold holds; "" is none
}

// Interrupt waits for U-Boot, stops its autoboot and makes sure that the prompt answers. A board that is at its
// prompt already is recognised. At the prompt it sets Env and runs Setup. note gets texts for people.
func Interrupt(ctx context.Context, con *console.Console, cfg Config, state State, note func(string)) (*UBoot, error) {
	con.EndEpoch(ctx, "a new U-Boot prompt was asked for")
	con.Pace(cfg.Pacing)
	u := &UBoot{network: cfg.Network, simple: cfg.Shell == Simple, Interpreter: console.Interpreter{Console: con, Exit: classify.UBootExit, Limit: commandTimeout}}
	for until := con.Now().Add(cfg.Timeout); ; state = AnyState {
		prompt, err := u.stop(ctx, cfg, state, until, note)
		if err != nil {
			return nil, err
		}
		u.Dialect = cfg.dialect(prompt)
		// The first byte after the interrupt may be lost, and U-Boot's input may still hold keys. So clear it with a
		// byte that may be lost, drain the output, and only then synchronise.
		if err = con.Send(ctx, interrupt); err == nil {
			err = u.drain(ctx)
		}
		if err != nil {
			return nil, err
		}
		if err = con.Sync(ctx, u.Dialect, syncTries, syncTimeout); err == nil {
			u.Resume()
			if err = u.setUp(ctx, cfg); err != nil {
				return nil, err
			}
			return u, nil
		}
		// What looked like a prompt was none, or the board went on booting: wait for the next time it can be
		// stopped.
		if classify.Find(err, classify.ConsoleTimeout) == nil && classify.Find(err, classify.ConsoleEcho) == nil {
			return nil, err
		}
		if !con.Now().Before(until) {
			return nil, classify.Wrap(err, classify.UBootSync, "U-Boot's prompt is there but does not answer")
		}
	}
}

// drain waits until the board is silent, and drops what it printed.
func (u *UBoot) drain(ctx context.Context) error {
	_, err := u.Expect(ctx, console.Wait{What: "silence", Stall: drainSilence, Timeout: drainTimeout, Abort: aborts})
	u.Skip()
	if classify.Find(err, classify.ConsoleStall) != nil || classify.Find(err, classify.ConsoleTimeout) != nil {
		return nil
	}
	return err
}

// Resume begins a new epoch of the prompt, in which it can be used again. It is called if the command of Boot
// returned to the prompt, which means that the kernel did not start.
func (u *UBoot) Resume() { u.Epoch = u.NewEpoch("U-Boot prompt") }

// Boot starts a kernel with arguments, "" for those of the environment, which ends the prompt's epoch. It returns the
// abort that matches when the command returns, which means that the kernel did not start.
func (u *UBoot) Boot(ctx context.Context, cmd, arguments string) (console.Abort, error) {
	abort := console.Abort{
		Kind:    classify.UBootBoot,
		Message: fmt.Sprintf("U-Boot could not start the kernel: `%s` came back", cmd),
		Hint:    "the console lines say why; check the addresses and the files",
	}
	line, err := u.resolve(ctx, cmd)
	if err == nil && arguments != "" {
		line, err = u.withArguments(ctx, line, arguments)
	}
	if err != nil {
		return abort, err
	}
	abort.Pattern, err = u.Leave(ctx, line)
	return abort, err
}

// withArguments returns a line that sets the kernel's arguments and runs cmd. It sets them in a command of their own
// if one line is too short for both, or if cmd would run although they could not be set.
func (u *UBoot) withArguments(ctx context.Context, cmd, arguments string) (line string, err error) {
	if u.simple {
		return cmd, u.SetEnv(ctx, "bootargs", arguments)
	}
	set := "setenv bootargs " + console.QuoteUBoot(arguments)
	if line = set + "&&" + cmd; len(u.Frame(line)) <= u.Line && !strings.ContainsAny(cmd, ";&|") {
		return line, nil
	}
	_, err = u.Run(ctx, console.Command{Text: set})
	return cmd, err
}
