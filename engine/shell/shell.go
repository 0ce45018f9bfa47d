// Package shell drives a Linux shell over a console: log in, run commands, bring the network up.
//
// It owns the login dialogue and the quoting of commands. It does not know what the commands are for.
package shell

import (
	"context"
	"net/netip"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// Config is how one board's Linux behaves.
type Config struct {
	Login    string        // what asks for the user
	User     string        // whom to log in as
	Password string        // sent when asked for; it appears in no record
	Prompts  []string      // how the shell's prompt ends, in each Linux that the board may have
	Timeout  time.Duration // from the start of the kernel to the shell
	Line     int           // the longest line that it takes, in bytes
	Network  string        // a command that brings the network up; "" asks by DHCP on every interface
	Address  netip.Prefix  // the board's own, where it cannot ask
	Gateway  netip.Addr    // its router then; not valid is none

	Running bool              // it may wait at its login or prompt already, and say so only when asked
	Note    func(text string) // takes what is odd and harms nothing; may be nil
}

// Default is a Linux as an embedded one often is.
var Default = Config{Login: "login:", User: "root", Prompts: []string{"# "}, Timeout: 3 * time.Minute, Line: 1000}

const (
	syncTries   = 2
	syncWait    = 3 * time.Second
	commandTime = time.Minute // for a command that has no limit of its own
)

// Shell is a shell that answers.
type Shell struct {
	console.Interpreter
	cfg Config
	up  bool // the network is
}

// Login waits for a login or a prompt, logs in and makes sure that the shell answers. alarms end it early.
func Login(ctx context.Context, con *console.Console, cfg Config, alarms ...console.Abort) (*Shell, error) {
	con.EndEpoch(ctx, "a new shell was asked for")
	s := &Shell{cfg: cfg, Interpreter: console.Interpreter{Console: con, Exit: classify.ShellExit, Limit: commandTime}}
	for until := con.Now().Add(cfg.Timeout); ; {
		prompt, err := s.enter(ctx, until, append(alarms, console.Panic, console.Reset, console.Emergency, console.Off))
		if err != nil {
			return nil, err
		}
		s.Dialect = console.POSIX(prompt, cfg.Line)
		s.Abort = []console.Abort{console.Panic, console.Reset, console.Off}
		if err = con.Sync(ctx, s.Dialect, syncTries, syncWait); err == nil {
			s.Epoch = con.NewEpoch("shell")
			return s, s.prepare(ctx)
		}
		// What looked like a prompt was none, or the board is busy: back to where a login may come.
		if !con.Now().Before(until) || !isNoAnswer(err) {
			return nil, classify.Wrap(err, classify.ShellSync, "logged in, but the shell does not answer")
		}
	}
}

// isNoAnswer reports whether err says that nobody understood, rather than what went wrong.
func isNoAnswer(err error) bool {
	for _, k := range []classify.Kind{classify.ConsoleTimeout, classify.ConsoleEcho, classify.ConsoleGarbled} {
		if classify.Find(err, k) != nil {
			return true
		}
	}
	return false
}

func (s *Shell) note(text string) {
	if s.cfg.Note != nil {
		s.cfg.Note(text)
	}
}
