package transport

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/engine/clock"
)

const (
	takeTime  = 3 * time.Second       // in which a command should read what is typed
	takeEvery = 20 * time.Millisecond // how often that is looked at
)

// probe implements prober. A command such as ssh runs long before it is connected, and takes no input until it is.
// So it is typed a NUL, which U-Boot and a shell ignore, and the pipe is watched until it is empty. Then the other end has
// settleFar to refuse. A command that reads nothing for takeTime may read when there is something to read: it counts as
// connected as long as it runs.
func (c *child) probe(ctx context.Context) error {
	if c.takes {
		return nil // its end ends Read
	}
	if n, err := c.unread(); err == nil && n == 0 {
		c.in.Write([]byte{0}) // a command that ended is reported below
	}
	patience, cancel := clock.WithTimeout(ctx, clock.Real{}, c.takeTime, context.DeadlineExceeded)
	defer cancel()
	for patience.Err() == nil {
		if n, err := c.unread(); err != nil || n == 0 {
			break
		}
		if err := c.lives(ctx, takeEvery); err != nil {
			return err
		}
	}
	if err := c.lives(ctx, settleFar); err != nil {
		return err
	}
	if c.deaf() {
		return c.over()
	}
	c.takes = true
	return nil
}

// lives waits, and fails if the command ends meanwhile, or its output does.
func (c *child) lives(ctx context.Context, d time.Duration) error {
	passed := make(chan struct{})
	defer clock.Real{}.AfterFunc(d, func() { close(passed) })()
	select {
	case <-passed:
		return nil
	case <-c.ended:
		return c.over()
	case <-c.closed:
		return c.over()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// unread is how many bytes the command has not read yet.
func (c *child) unread() (n int, err error) {
	raw, err := c.in.SyscallConn()
	if err != nil {
		return 0, err
	}
	cerr := raw.Control(func(fd uintptr) { n, err = unreadBytes(int(fd)) })
	if cerr != nil {
		err = cerr
	}
	return n, err
}

// deaf reports whether no process has the other end of the command's input: the command ended and left another one behind,
// or it closed its input.
func (c *child) deaf() bool {
	raw, err := c.in.SyscallConn()
	if err != nil {
		return true
	}
	var fds [1]unix.PollFd
	err = raw.Control(func(fd uintptr) {
		fds[0].Fd = int32(fd)
		_, err := unix.Poll(fds[:], 0)
		for err == unix.EINTR {
			_, err = unix.Poll(fds[:], 0)
		}
	})
	return err != nil || fds[0].Revents&unix.POLLERR != 0
}
