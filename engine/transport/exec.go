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

// child is a program whose standard streams are the console: ssh to where the port is, a lab's own client.
type child struct {
	cmd      *exec.Cmd
	in       *os.File
	preRead  []byte       // the reader's: what came while it was opened
	count    int          // the reader's: bytes that came
	heard    bounded.Tail // of what came, while that may be a refusal
	takes    bool         // it counts as connected; of probe alone
	takeTime time.Duration
	out      *os.File
	stderr   bounded.Tail  // on its standard error
	endTime  time.Duration // for the program to end once it has closed its output or its input
	ended    chan struct{} // closed when the program was reaped; err says how
	err      error
	closed   chan struct{} // closed at the end of its output, which it may outlive
	eof      sync.Once
	once     sync.Once
}

// openExec runs a command by sh. What it starts ends with it, and a Ctrl-C is not for it.
func openExec(ctx context.Context, text string, _ Line) (Port, error) {
	c := &child{
		cmd: exec.Command("sh", "-c", text), ended: make(chan struct{}), closed: make(chan struct{}), takeTime: takeTime, endTime: endTime,
		heard: bounded.Tail{Limit: maxSaid}, stderr: bounded.Tail{Limit: maxSaid},
	}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.cmd.Stderr = &c.stderr
	c.cmd.WaitDelay = time.Second // for who holds on to it when the command is gone
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
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	c.preRead, err = settle(ctx, clock.Real{}, c.out, settleNear)
	c.hear(c.preRead)
	if err != nil {
		if err = context.Cause(ctx); err == nil {
			c.eof.Do(func() { close(c.closed) })
			err = c.over()
		}
		c.Close()
		return nil, err
	}
	return c, nil
}

// Read implements io.Reader. The end of the program is told with what it had to say.
func (c *child) Read(p []byte) (int, error) {
	if len(c.preRead) > 0 {
		n := copy(p, c.preRead)
		c.preRead = c.preRead[n:]
		return n, nil
	}
	n, err := c.out.Read(p)
	c.hear(p[:n])
	if err != io.EOF {
		return n, err
	}
	c.eof.Do(func() { close(c.closed) })
	return n, c.over()
}

// hear keeps what the command prints at first: a client says there that the console is taken. What follows is the board's.
func (c *child) hear(p []byte) {
	if c.count += len(p); c.count > settleData {
		c.heard.Reset()
		return
	}
	c.heard.Write(p)
}

// over returns how the program ended, with what it printed. It is called once the program has ended or has closed its output
// or its input. It waits endTime for the end of the program, and of its output, which the program's children may hold open.
func (c *child) over() error {
	late := make(chan struct{})
	defer clock.Real{}.AfterFunc(c.endTime, func() { close(late) })()
	select {
	case <-c.ended:
		select {
		case <-c.closed:
		case <-late:
		}
	case <-late:
		return classify.WithHint(classify.New(classify.TransportLost, "the command of the console port runs on without the console: it closed its standard input or output"),
			"run the command by hand: it must read what is typed and print what the board says for as long as it runs")
	}
	how := "exit status 0"
	if c.err != nil {
		how = c.err.Error()
	}
	words := oneLine(c.heard.String() + " " + c.stderr.String())
	if words != "" {
		how += ": " + words
	}
	return classify.WithHint(classify.New(refusal(words), "the command of the console port ended: %s", how),
		"run the command by hand: it must stay connected to the console, and have it alone")
}

func (c *child) Write(p []byte) (int, error) { return c.in.Write(p) }

const (
	killTime = 300 * time.Millisecond // for the program to end when it is told to
	endTime  = 2 * time.Second        // longer than a program that leaves others behind takes to be reaped
)

// Close ends the program and all that it started.
func (c *child) Close() error {
	err := os.ErrClosed
	c.once.Do(func() {
		c.in.Close()
		syscall.Kill(-c.cmd.Process.Pid, syscall.SIGTERM)
		late := make(chan struct{})
		defer clock.Real{}.AfterFunc(killTime, func() { close(late) })()
		select {
		case <-c.ended:
		case <-late:
		}
		syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) // also who stayed when their parent went
		err = c.out.Close()
	})
	return err
}

// maxSaid is how much of a program's last words is kept, in bytes.
const maxSaid = 300
