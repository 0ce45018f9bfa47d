package transport

import (
	"context"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/bounded"
	"github.com/flashlua/flashlua/engine/clock"
)

func init() {
	Register("exec", `"exec:ssh lab microcom /dev/ttyUSB0"`, openExec)
}

// child is a program whose standard streams are the console, for instance ssh to where the port is, or a lab's own
// client.
type child struct {
	cmd         *exec.Cmd
	in          *os.File // its standard input
	out         *os.File // its standard output
	stderr      bounded.Tail
	readTimeout time.Duration // for the program to read what is typed
	exitTimeout time.Duration // for the program to end after it has closed its output or its input

	preRead     []byte       // the reader's: output that came while the port was opened
	outputLen   int          // the reader's: bytes of output
	firstOutput bounded.Tail // of the output, while it may be a refusal
	connected   bool         // set by probe: the program counts as connected

	exited      chan struct{} // closed when the program was reaped; exitErr is the result
	exitErr     error
	outputEnded chan struct{} // closed at the end of its output, which may be before or after its own
	outputOnce  sync.Once
	closeOnce   sync.Once
}

// openExec runs a command with sh, in a process group of its own: Close ends all that the command starts, and a
// Ctrl-C at flashlua's terminal does not reach it.
func openExec(ctx context.Context, text string, _ Line) (Port, error) {
	c := &child{
		cmd: exec.Command("sh", "-c", text), exited: make(chan struct{}), outputEnded: make(chan struct{}), readTimeout: readTimeout, exitTimeout: exitTimeout,
		firstOutput: bounded.Tail{Limit: maxLastWords}, stderr: bounded.Tail{Limit: maxLastWords},
	}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.cmd.Stderr = &c.stderr
	c.cmd.WaitDelay = time.Second // for processes that hold stderr open after the command has ended
	stdin, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, stdout, err := os.Pipe()
	if err != nil {
		stdin.Close()
		in.Close()
		return nil, err
	}
	c.in, c.out, c.cmd.Stdin, c.cmd.Stdout = in, out, stdin, stdout
	err = c.cmd.Start()
	stdin.Close()
	stdout.Close()
	if err != nil {
		in.Close()
		out.Close()
		return nil, err
	}
	go func() {
		c.exitErr = c.cmd.Wait()
		close(c.exited)
	}()
	c.preRead, err = settle(ctx, clock.Real{}, c.out, settleNear)
	c.keepFirstOutput(c.preRead)
	if err != nil {
		if err = context.Cause(ctx); err == nil {
			c.outputOnce.Do(func() { close(c.outputEnded) })
			err = c.exitError(openingKind)
		}
		c.Close()
		return nil, err
	}
	return c, nil
}

// Read implements io.Reader. At the end of the program it returns an error with what the program printed.
func (c *child) Read(p []byte) (int, error) {
	if len(c.preRead) > 0 {
		n := copy(p, c.preRead)
		c.preRead = c.preRead[n:]
		return n, nil
	}
	n, err := c.out.Read(p)
	c.keepFirstOutput(p[:n])
	if err != io.EOF {
		return n, err
	}
	c.outputOnce.Do(func() { close(c.outputEnded) })
	return n, c.exitError(refusalKind)
}

// keepFirstOutput keeps the beginning of the output, where a client reports that the console is in use. Later
// output is the board's.
func (c *child) keepFirstOutput(p []byte) {
	if c.outputLen += len(p); c.outputLen > settleData {
		c.firstOutput.Reset()
		return
	}
	c.firstOutput.Write(p)
}

// exitError returns how the program ended, with what it printed, from which kindOf finds the kind. It is called after
// the program has ended or has closed its output or its input. It waits exitTimeout for the end of the program, and
// of its output, which child processes may hold open.
func (c *child) exitError(kindOf func(words string) classify.Kind) error {
	late, stop := clock.After(clock.Real{}, c.exitTimeout)
	defer stop()
	select {
	case <-c.exited:
		select {
		case <-c.outputEnded:
		case <-late:
		}
	case <-late:
		return classify.WithHint(classify.New(classify.TransportLost, "the command of the console port runs on without the console: it closed its standard input or output"),
			"run the command by hand: it must read what is typed and print what the board says for as long as it runs")
	}
	how := "exit status 0"
	if c.exitErr != nil {
		how = c.exitErr.Error()
	}
	words := oneLine(c.firstOutput.String() + " " + c.stderr.String())
	if words != "" {
		how += ": " + words
	}
	return classify.WithHint(classify.New(kindOf(words), "the command of the console port ended: %s", how),
		"run the command by hand: it must stay connected to the console, and have it alone")
}

// Write implements io.Writer.
func (c *child) Write(p []byte) (int, error) { return c.in.Write(p) }

const (
	killTimeout = 300 * time.Millisecond // for the program to end after SIGTERM
	exitTimeout = 2 * time.Second        // longer than it takes to reap a program whose children live on
)

// Close ends the program and all that it started.
func (c *child) Close() error {
	err := os.ErrClosed
	c.closeOnce.Do(func() {
		c.in.Close()
		syscall.Kill(-c.cmd.Process.Pid, syscall.SIGTERM)
		late, stop := clock.After(clock.Real{}, killTimeout)
		defer stop()
		select {
		case <-c.exited:
		case <-late:
		}
		syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) // also children that outlived their parent
		err = c.out.Close()
	})
	return err
}

// maxLastWords is how much of the last output of a program or a server is kept, in bytes.
const maxLastWords = 300
