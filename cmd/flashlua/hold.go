package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/hold"
	"github.com/flashlua/flashlua/engine/transport"
	"github.com/flashlua/flashlua/engine/visible"
)

func (env Env) holdCommand() *cli.Command {
	return &cli.Command{
		Name: "hold", Usage: "hold a station or a console while a command runs", ArgsUsage: "[STATION] -- COMMAND [ARGUMENT...]",
		Description: "Keeps other jobs off the board while a command runs, such as a CI job's own tests after the flash. A flashlua run\n" +
			"within the command may use the board, one at a time. The exit code is that of the command; 75 if the board is held\n" +
			"by another job.\n\n" +
			"  flashlua hold bench-7 --wait 30m -- make test\n" +
			"  flashlua hold --port tcp:ser1:4001 -- make test",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "port", Usage: "console, `SPEC` is one of " + strings.Join(portExamples(), ", ")},
			labFlag(),
			waitFlag(),
		},
		OnUsageError: onUsageError,
		BashComplete: env.completeStations,
		Action:       env.hold,
	}
}

func waitFlag() cli.Flag {
	return &cli.DurationFlag{Name: "wait", Usage: "wait `D`, as in 30m, for a board that another job holds", DefaultText: "not at all"}
}

// locks returns the holds of this machine.
func (env Env) locks(clk clock.Clock) hold.Locks {
	return hold.Locks{Dir: hold.Folder(env.Getenv), Clock: clk}
}

// holdFor returns how a command holds the boards that it uses.
func (env Env) holdFor(c *cli.Context, clk clock.Clock) engine.HoldFunc {
	return func(ctx context.Context, names []string, r hold.Request) (func(), error) {
		r.Wait, r.Within, r.Command = c.Duration("wait"), env.Getenv(hold.Variable), describeCommand(c)
		return env.locks(clk).Hold(ctx, names, r)
	}
}

// describeCommand returns the command and its first argument. Further arguments may be secrets.
func describeCommand(c *cli.Context) string {
	text := "flashlua " + c.Command.Name
	if c.NArg() > 0 {
		text += " " + c.Args().First()
	}
	return text
}

// hold holds a board while a command runs.
func (env Env) hold(c *cli.Context) error {
	station, command, err := env.holdArguments(c)
	if err != nil {
		return err
	}
	program, err := exec.LookPath(command[0])
	if err != nil {
		return classify.WithHint(classify.Wrap(err, classify.HostStart, "the command cannot be started"), "check the name after --")
	}
	clk := clock.Real{}
	signals, stop := env.Signals()
	defer stop()
	lock, err := env.acquireFor(c, clk, station, signals)
	if err != nil {
		return err
	}
	defer lock.Release()
	return env.runHeld(&exec.Cmd{Path: program, Args: command, Env: append(os.Environ(), lock.Env())}, signals)
}

// holdArguments returns the station, if one is named, and the command.
func (env Env) holdArguments(c *cli.Context) (station string, command []string, err error) {
	dashes := slices.Index(env.Args, "--")
	if dashes < 0 || dashes == len(env.Args)-1 {
		return "", nil, usageErrorFor("hold", "a command is required: flashlua hold STATION -- COMMAND")
	}
	command = env.Args[dashes+1:]
	before := c.Args().Slice()[:c.NArg()-len(command)]
	switch port := c.String("port"); {
	case c.Duration("wait") < 0:
		return "", nil, usageErrorFor("hold", "--wait must be 0 or more")
	case len(before) > 1:
		return "", nil, usageErrorFor("hold", "unexpected argument %q", before[1])
	case len(before) == 1 && isGiven(c, "port"):
		return "", nil, usageErrorFor("hold", "a station and --port exclude each other: a station has its port")
	case len(before) == 1:
		return before[0], command, nil
	case port == "":
		return "", nil, usageErrorFor("hold", "a station or --port is required")
	case !engine.IsSimulated(port):
		return "", command, transport.Check(port)
	}
	return "", command, nil
}

// acquireFor holds what the command line names. A signal ends the wait.
func (env Env) acquireFor(c *cli.Context, clk clock.Clock, station string, signals <-chan os.Signal) (*hold.Lock, error) {
	job := engine.Job{Port: c.String("port")}
	if station != "" {
		s, err := env.findStation(c, station)
		if err != nil {
			return nil, err
		}
		job.Station, job.Port, job.Consoles = s.Name, s.Port, s.Consoles
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	acquired, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case s := <-signals:
			cancel(engine.InterruptedBy(exitSignals[s], signalNumber(s)))
		case <-acquired:
		}
	}()
	names, err := job.HoldNames(ctx)
	var lock *hold.Lock
	if err == nil {
		lock, err = env.locks(clk).Acquire(ctx, names, hold.Request{
			Command: "flashlua hold", Station: job.Station, Wait: c.Duration("wait"), Within: env.Getenv(hold.Variable), Lend: true,
			Notify: func(q hold.Queue) error {
				_, err := fmt.Fprintln(env.Stderr, visible.Text(q.String()))
				return err
			},
		})
	}
	close(acquired)
	<-watched
	if cause := context.Cause(ctx); cause != nil && err == nil {
		lock.Release()
		return nil, cause
	}
	return lock, err
}

// runHeld runs a command with the standard streams of flashlua, and passes signals on. A terminal sends its signals to
// the command itself. The command gets SIGTERM if flashlua is killed, because it must not use the board without the
// hold.
func (env Env) runHeld(cmd *exec.Cmd, signals <-chan os.Signal) error {
	runtime.LockOSThread() // the signal at the end of the parent is that of the end of the thread
	defer runtime.UnlockOSThread()
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = env.Stdout, env.Stderr, endWithParent()
	if env.Stdin != nil {
		cmd.Stdin = env.Stdin
	}
	if err := cmd.Start(); err != nil {
		return classify.Wrap(err, classify.HostStart, "the command cannot be started")
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			if !isFromTerminal(s) {
				cmd.Process.Signal(s)
			}
		case err := <-done:
			var failed *exec.ExitError
			if err != nil && !errors.As(err, &failed) {
				return classify.Wrap(err, classify.HostStart, "the command did not end in order")
			}
			return exitOf(cmd.ProcessState)
		}
	}
}

// exitOf returns the exit code of a process as a shell does, nil for 0.
func exitOf(state *os.ProcessState) error {
	code := state.ExitCode()
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		code = int(engine.ExitSignal) + int(status.Signal())
	}
	if code == 0 {
		return nil
	}
	return exitCode(code)
}
