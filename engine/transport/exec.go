package transport

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

func init() {
	Register("exec", `"exec:ssh lab microcom /dev/ttyUSB0"`, openExec)
}

// child is a program whose standard streams are the console: ssh to where the port is, a lab's own client.
type child struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *os.File
	said  stderrTail
	ended chan struct{} // closed when the program was reaped; err says how
	err   error
	once  sync.Once
}

// openExec runs a command by sh. What it starts ends with it, and a Ctrl-C is not for it.
func openExec(_ context.Context, text string, _ Line) (Port, error) {
	c := &child{cmd: exec.Command("sh", "-c", text), ended: make(chan struct{})}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.cmd.Stderr = &c.said
	c.cmd.WaitDelay = time.Second // for who holds on to it when the command is gone
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.out, c.cmd.Stdout = out, w
	err = c.cmd.Start()
	w.Close()
	if err != nil {
		out.Close()
		return nil, err
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// Read implements io.Reader. The end of the program is told with what it had to say.
func (c *child) Read(p []byte) (int, error) {
	n, err := c.out.Read(p)
	if err != io.EOF {
		return n, err
	}
	<-c.ended
	how := "exit status 0"
	if c.err != nil {
		how = c.err.Error()
	}
	return n, fmt.Errorf("the command of the console port ended: %s%s", how, c.said.text())
}

func (c *child) Write(p []byte) (int, error) { return c.in.Write(p) }

// killTime is how long the program may take to end when it is told to.
const killTime = 300 * time.Millisecond

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

// stderrTail keeps the end of what a program complains about.
type stderrTail struct {
	mu  sync.Mutex
	buf []byte
}

const maxSaid = 300

func (s *stderrTail) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = append(s.buf, p...)
	s.buf = s.buf[max(0, len(s.buf)-maxSaid):]
	return len(p), nil
}

func (s *stderrTail) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if said := strings.TrimSpace(strings.ToValidUTF8(string(s.buf), "?")); said != "" {
		return ": " + said
	}
	return ""
}
