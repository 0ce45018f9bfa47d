package console

import (
	"context"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// Interpreter is a command interpreter that answers.
type Interpreter struct {
	*Console
	Dialect
	Exit  classify.Kind // of the error when a command that must succeed fails
	Limit time.Duration // for a command without a Timeout or Stall
	Epoch *Epoch        // in which it can be used; nil: it does not end
}

// Exec runs a command and returns its output and exit code; no exit code is an error. Lines that look like the
// kernel's are removed if the kernel prints on the console; otherwise they are the command's.
func (i *Interpreter) Exec(ctx context.Context, cmd Command) (Result, error) {
	if cmd.Timeout == 0 && cmd.Stall == 0 {
		cmd.Timeout = i.Limit
	}
	if err := i.Live(ctx); err != nil {
		return Result{}, err
	}
	res, err := i.Console.Run(ctx, i.Dialect, cmd)
	i.updateEpoch(ctx, cmd, res, err)
	if err != nil || res.withKernelLines == "" || i.CheckKernelQuiet == nil {
		return res, err
	}
	if quiet, err := i.CheckKernelQuiet(ctx); err == nil {
		if i.KernelOnConsole = !quiet; quiet {
			res.Output = res.withKernelLines
		}
	}
	return res, nil
}

// Run runs a command that must succeed, and returns its output.
func (i *Interpreter) Run(ctx context.Context, cmd Command) (string, error) {
	res, err := i.Exec(ctx, cmd)
	return i.Succeeded(cmd, res, err)
}

// Succeeded returns the output of a command that Exec has run, and an error if the command failed.
func (i *Interpreter) Succeeded(cmd Command, res Result, err error) (string, error) {
	if err == nil && res.Code != 0 {
		err = i.Failed(i.Exit, cmd.Text, res)
	}
	return res.Output, err
}

// Failed returns the error of a command that should have succeeded.
func (i *Interpreter) Failed(kind classify.Kind, cmd string, res Result) error {
	return i.Fail(classify.New(kind, "%s: %s exited %d", i.Name, abbreviate(cmd), res.Code))
}

// Leave types a command that should not return, such as a boot, and ends the epoch. The pattern matches if the
// command returns.
func (i *Interpreter) Leave(ctx context.Context, cmd string) (returned Pattern, err error) {
	if err := i.Live(ctx); err != nil {
		return Pattern{}, err
	}
	returned, err = i.Console.Start(ctx, i.Dialect, cmd)
	if classify.Find(err, classify.ConsoleText) == nil { // otherwise nothing was typed
		i.Epoch.end(ctx, abbreviate(cmd)+" was to boot the board")
	}
	return returned, err
}
