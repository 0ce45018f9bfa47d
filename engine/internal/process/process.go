// Package process starts commands of the station in process groups of their own. It owns how they are ended. It does
// not know what they are for.
package process

import (
	"context"
	"os/exec"
	"syscall"
	"time"
)

// waitDelay is how long a process may hold the output of a command open that has ended.
const waitDelay = time.Second

// Command returns a command that is killed with everything that it started when ctx ends. Its standard input is
// empty. A Ctrl-C at flashlua's terminal does not reach it.
func Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = waitDelay
	return cmd
}
