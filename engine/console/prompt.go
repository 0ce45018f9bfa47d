package console

import (
	"context"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// Interpreter is a prompt that answers.
type Interpreter struct {
	*Console
	Dialect
	Exit  classify.Kind // of the error when a command that must succeed does not
	Limit time.Duration // for a command that has none of its own
	Epoch *Epoch        // that it lives in; nil: it does not end
}

// Exec runs a command and gives what it printed and its exit code, whatever that is. Lines that look like the kernel's are
// left out if the kernel prints on the console at all; else they are the command's.
func (i *Interpreter) Exec(ctx context.Context, cmd Command) (Result, error) {
	if cmd.Timeout == 0 && cmd.Stall == 0 {
		cmd.Timeout = i.Limit
	}
	if err := i.Live(ctx); err != nil {
		return Result{}, err
	}
	res, err := i.Console.Run(ctx, i.Dialect, cmd)
	i.ran(ctx, cmd, res, err)
	if err != nil || res.all == "" || i.CheckKernelQuiet == nil {
		return res, err
	}
	if quiet, err := i.CheckKernelQuiet(ctx); err == nil {
		if i.KernelOnConsole = !quiet; quiet {
			res.Output = res.all
		}
	}
	return res, nil
}

// Run runs a command that must succeed, and gives what it printed.
func (i *Interpreter) Run(ctx context.Context, cmd Command) (string, error) {
	res, err := i.Exec(ctx, cmd)
	if err == nil && res.Code != 0 {
		err = i.Failed(i.Exit, cmd.Text, res)
	}
	return res.Output, err
}

// Failed is the error of a command that should have succeeded.
func (i *Interpreter) Failed(kind classify.Kind, cmd string, res Result) error {
	return i.Fail(classify.New(kind, "%s: %s exited %d", i.Name, abbreviate(cmd), res.Code))
}
