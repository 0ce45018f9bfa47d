package engine

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/bounded"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/internal/process"
)

// DefaultHostTimeout is the time for a HostCommand without a timeout.
const DefaultHostTimeout = time.Minute

// MaxHostOutput is the largest output of a HostCommand, in bytes.
const MaxHostOutput = 1 << 20

// HostCommand is a command of the station. It runs in the working directory of flashlua, with its environment and an
// empty standard input. Plain data: safe for concurrent use while nothing changes it.
type HostCommand struct {
	Words   []string      // executable and its arguments
	Shell   string        // command line for sh, instead of Words
	Timeout time.Duration // 0 is DefaultHostTimeout
}

// String returns the command for people.
func (c HostCommand) String() string {
	if c.Shell != "" {
		return c.Shell
	}
	return strings.Join(c.Words, " ")
}

// run runs the command. It returns the output, that of standard error included, without the line ends at its end, and
// the exit code: 128 and the number of the signal if one ended the command. The end of ctx and of the timeout kill
// the command and all that it started.
func (c HostCommand) run(ctx context.Context, clk clock.Clock) (output string, code int, err error) {
	limit := c.Timeout
	if limit == 0 {
		limit = DefaultHostTimeout
	}
	words := c.Words
	if c.Shell != "" {
		words = []string{"sh", "-c", c.Shell}
	}
	ctx, cancel := clock.WithTimeout(ctx, clk, limit, classify.New(classify.HostTimeout, "it took longer than %s", limit))
	defer cancel()
	ctx, overflow := context.WithCancelCause(ctx)
	defer overflow(nil)
	out := &hostOutput{exceeded: func() {
		overflow(classify.WithHint(classify.New(classify.HostOverflow, "it has more than %d bytes of output", MaxHostOutput),
			"filter it, or write it to a file"))
	}}
	cmd := process.Command(ctx, words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case context.Cause(ctx) != nil:
		return "", 0, classify.Wrap(context.Cause(ctx), "", "the command `%s` was killed%s", c, out.suffix())
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // it exited 0 and left a process running
		return out.String(), 0, nil
	case !errors.As(err, &exit):
		return "", 0, classify.Wrap(err, classify.HostStart, "the command `%s` cannot be started", c)
	}
	code = exit.ExitCode()
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		code = 128 + int(status.Signal())
	}
	return out.String(), code, nil
}

// hostOutput keeps up to MaxHostOutput bytes of output. Safe for concurrent use.
type hostOutput struct {
	exceeded func() // called when there is more

	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (o *hostOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.buf.Len()+len(p) > MaxHostOutput {
		o.exceeded()
		return len(p), nil // the command is killed; an error here would hide why
	}
	return o.buf.Write(p)
}

// String returns the output without the line ends at its end, as $(…) of a shell does.
func (o *hostOutput) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.TrimRight(o.buf.String(), "\n")
}

// maxHostSuffix is how much of the end of the output an error has, in bytes.
const maxHostSuffix = 300

// suffix returns the end of the output for the end of an error text.
func (o *hostOutput) suffix() string {
	t := &bounded.Tail{Limit: maxHostSuffix}
	t.Write([]byte(o.String()))
	if text := t.String(); text != "" {
		return ": " + text
	}
	return ""
}

// RunHostCommand runs a command of the station, and notes it. The medium counts as changed, as by a command of the
// board. After the attempt it does not: the functions that classify a failure run then.
func (s *Session) RunHostCommand(ctx context.Context, c HostCommand) (output string, code int, err error) {
	if !s.ended.Load() {
		if err := s.BeforeCommand(); err != nil {
			return "", 0, err
		}
	}
	s.Note("on the station: " + c.String())
	return c.run(ctx, s.run.Clock)
}

// RunHostCommand runs a command of the station, and notes it. It may change any medium, as what is typed on a console
// may.
func (p *Program) RunHostCommand(ctx context.Context, c HostCommand) (output string, code int, err error) {
	p.markTouched()
	p.markTyped()
	p.Note("on the station: " + c.String())
	return c.run(ctx, p.run.Clock)
}
