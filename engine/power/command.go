package power

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/bounded"
	"github.com/flashlua/flashlua/engine/internal/process"
)

func init() {
	Register("command", `"command:pdu -port 3 {}"`, func(text string) (Driver, error) {
		if !hasPlaceholder(text) {
			return nil, classify.WithHint(classify.New(classify.Usage, "the power command %q has neither {}, which becomes on or off, nor {A|B}", text),
				`write it as in --power "command:pdu -port 3 {}"; what needs two commands goes into a script`)
		}
		return command(text), nil
	})
}

// command switches a board by a command of the operator, which sh runs, see expand. Its exit code is the result.
type command string

func (c command) On(ctx context.Context) error  { return c.run(ctx, on) }
func (c command) Off(ctx context.Context) error { return c.run(ctx, off) }

// Check looks for the program, if the command begins with a plain name.
func (c command) Check(ctx context.Context) error {
	name, _, _ := strings.Cut(strings.TrimSpace(string(c)), " ")
	if strings.ContainsAny(name, `'"$\;&|(){}=<>`+"`") {
		return nil
	}
	out, err := output(shell(ctx, "command -v -- "+name))
	switch {
	case ctx.Err() != nil:
		return classify.Wrap(context.Cause(ctx), classify.PowerConnect, "looking for the program %s of the power command", name)
	case err != nil:
		return classify.WithHint(classify.New(classify.PowerConnect, "the power command begins with %s, which is not a program here%s", name, outputSuffix(out)),
			"install it, or give its whole path")
	}
	return nil
}

// shell returns a command of sh that ends with ctx.
func shell(ctx context.Context, text string) *exec.Cmd { return process.Command(ctx, "sh", "-c", text) }

// run runs the command for a state.
func (c command) run(ctx context.Context, state string) error {
	text := expand(string(c), state)
	out, err := output(shell(ctx, text))
	for n := 1; n < strayTries && isStray(err) && ctx.Err() == nil; n++ {
		out, err = output(shell(ctx, text))
	}
	switch {
	case ctx.Err() != nil:
		return classify.Wrap(context.Cause(ctx), classify.PowerCommand, "the power command `%s` did not end%s", text, outputSuffix(out))
	case errors.Is(err, exec.ErrWaitDelay):
		return nil // it exited 0 and left a process running
	}
	return classify.Wrap(err, classify.PowerCommand, "the power command `%s` failed%s", text, outputSuffix(out))
}

// maxOutput is how much of the end of a command's output is kept, in bytes.
const maxOutput = 300

// output runs a command and returns the end of its output.
func output(cmd *exec.Cmd) (*bounded.Tail, error) {
	out := &bounded.Tail{Limit: maxOutput}
	cmd.Stdout, cmd.Stderr = out, out
	return out, cmd.Run()
}

// strayTries is how often a command is started that a stray signal ends.
const strayTries = 3

// isStray reports whether a command was ended by a signal that was meant for flashlua. Between fork and the change
// of its process group, the command is in flashlua's group and gets its signals: the Ctrl-C, or the signal of
// timeout(1), after which the board is switched off.
func isStray(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && slices.Contains([]syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}, status.Signal())
}

// outputSuffix returns the output of a command for the end of an error text.
func outputSuffix(out *bounded.Tail) string {
	if text := out.String(); text != "" {
		return ": " + text
	}
	return ""
}
