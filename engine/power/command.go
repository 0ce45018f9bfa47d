package power

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/bounded"
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

// command switches a board by a command of the operator's, run by sh, see fill. Its exit code counts.
type command string

func (c command) On(ctx context.Context) error  { return c.run(ctx, on) }
func (c command) Off(ctx context.Context) error { return c.run(ctx, off) }

// Check finds the program, as far as the command begins with one.
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
		return classify.WithHint(classify.New(classify.PowerConnect, "the power command begins with %s, which is not a program here%s", name, said(out)),
			"install it, or give its whole path")
	}
	return nil
}

// shell is a command of sh that ends with ctx.
func shell(ctx context.Context, text string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", text)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what it starts ends with it, and a Ctrl-C is not for it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for its output, if something it started holds on to it
	return cmd
}

func (c command) run(ctx context.Context, state string) error {
	text := expand(string(c), state)
	out, err := output(shell(ctx, text))
	for n := 1; n < strayTries && stray(err) && ctx.Err() == nil; n++ {
		out, err = output(shell(ctx, text))
	}
	switch {
	case ctx.Err() != nil:
		return classify.Wrap(context.Cause(ctx), classify.PowerCommand, "the power command `%s` did not end%s", text, said(out))
	case errors.Is(err, exec.ErrWaitDelay):
		return nil // it exited 0 and left something running
	}
	return classify.Wrap(err, classify.PowerCommand, "the power command `%s` failed%s", text, said(out))
}

// mostSaid is how much of what a command prints is kept, in bytes.
const mostSaid = 300

// output runs a command and returns the end of what it prints.
func output(cmd *exec.Cmd) (*bounded.Tail, error) {
	out := &bounded.Tail{Limit: mostSaid}
	cmd.Stdout, cmd.Stderr = out, out
	return out, cmd.Run()
}

// strayTries is how often a command is started that a signal ends.
const strayTries = 3

// stray reports whether a command was ended by a signal that was not for it. Between its fork and its own process group it
// gets those of flashlua's group: the Ctrl-C, or the signal of timeout(1), for which the board is switched off.
func stray(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && slices.Contains([]syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}, status.Signal())
}

// said is what a command printed, for an error text.
func said(out *bounded.Tail) string {
	if text := out.String(); text != "" {
		return ": " + text
	}
	return ""
}
