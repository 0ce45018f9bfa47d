// Package shell drives a Linux shell over a console: log in, run commands, bring the network up.
//
// It owns the login dialogue and the preparation of the shell. It does not know what the commands are for. It is
// not meant for embedders, except for Config, which is a part of engine.Policy.
package shell

import (
	"context"
	"net/netip"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// Config describes one board's Linux.
type Config struct {
	Login    string          // the text that asks for the user
	User     string          // the user to log in as
	Password string          // typed when asked for; it is never recorded
	Prompts  []string        // how the shell's prompt ends, in each Linux that the board may have
	Timeout  time.Duration   // from the start of the kernel to the shell
	Line     int             // the longest line that it takes, in bytes
	Pacing   *console.Pacing // how fast to type; nil is the console's
	Network  string          // a command that brings the network up; "" uses DHCP on every interface
	Address  netip.Prefix    // the board's static address; invalid means DHCP
	Gateway  netip.Addr      // its router then; invalid means none
}

// State is what is known of a board's Linux when Login is called.
type State int

// The states of a Linux.
const (
	Booting   State = iota // its kernel has just started
	Running                // it may be at its login or prompt already, which it prints only after Enter
	PoweredOn              // the board was just switched on: a bootloader runs first
)

// Default is the configuration of a common embedded Linux.
var Default = Config{Login: "login:", User: "root", Prompts: []string{"# "}, Timeout: 3 * time.Minute, Line: 1000}

const (
	syncTries      = 2
	syncTimeout    = 3 * time.Second
	commandTimeout = time.Minute // for a command that has no timeout of its own
)

// Shell is a shell that answers. It belongs to one goroutine.
type Shell struct {
	console.Interpreter
	cfg       Config
	note      func(text string)
	networkUp bool
}

// Login waits for a login or a prompt, logs in, makes sure that the shell answers and prepares it. note gets a
// line for each problem that does not stop the login; it may be nil. aborts end the login early.
func Login(ctx context.Context, con *console.Console, cfg Config, state State, note func(text string), aborts ...console.Abort) (*Shell, error) {
	con.EndEpoch(ctx, "a new shell was asked for")
	con.Pace(cfg.Pacing)
	if note == nil {
		note = func(string) {}
	}
	s := &Shell{cfg: cfg, note: note, Interpreter: console.Interpreter{Console: con, Exit: classify.ShellExit, Limit: commandTimeout}}
	aborts = append(aborts[:len(aborts):len(aborts)], console.Panic, console.Reset, console.Emergency, console.Off)
	for until := con.Now().Add(cfg.Timeout); ; {
		prompt, err := s.logIn(ctx, state, until, aborts)
		if err != nil {
			return nil, err
		}
		if state == PoweredOn {
			state = Booting
		}
		s.Dialect = console.POSIX(prompt, cfg.Line)
		s.Abort = []console.Abort{console.Panic, console.Reset, console.Off}
		if err = con.Sync(ctx, s.Dialect, syncTries, syncTimeout); err == nil {
			s.Epoch = con.NewEpoch("shell")
			return s, s.prepare(ctx)
		}
		// What looked like a prompt was none, or the board is busy: wait for a login or a prompt again.
		if !con.Now().Before(until) || !isNoAnswer(err) {
			return nil, classify.Wrap(err, classify.ShellSync, "logged in, but the shell does not answer")
		}
	}
}

// isNoAnswer reports whether err means that the shell did not answer, or not understandably.
func isNoAnswer(err error) bool {
	for _, k := range []classify.Kind{classify.ConsoleTimeout, classify.ConsoleEcho, classify.ConsoleGarbled} {
		if classify.Find(err, k) != nil {
			return true
		}
	}
	return false
}
