package transport

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/engine/clock"
)

const (
	readTimeout      = 3 * time.Second       // for a command to read what is typed
	readPollInterval = 20 * time.Millisecond // how often that is checked
)

// probe implements prober. A command such as ssh runs long before it is connected, and reads no input until it is.
// So probe types a NUL, which U-Boot and a shell ignore, and watches the pipe until it is empty. Then the other
// end has settleFar to refuse. A command that reads nothing for readTimeout may be one that reads only later: it
// counts as connected while it runs.
func (c *child) probe(ctx context.Context) error {
	if c.connected {
		return nil // Read reports its end
	}
	if n, err := c.unread(); n == 0 || err != nil { // unknown outside of Linux
		c.in.Write([]byte{0}) // staysAlive reports a command that has ended
	}
	readCtx, cancel := clock.WithTimeout(ctx, clock.Real{}, c.readTimeout, context.DeadlineExceeded)
	defer cancel()
	for readCtx.Err() == nil {
		if n, err := c.unread(); err != nil || n == 0 {
			break
		}
		if err := c.staysAlive(ctx, readPollInterval); err != nil {
			return err
		}
	}
	if err := c.staysAlive(ctx, settleFar); err != nil {
		return err
	}
	if c.inputClosed() {
		return c.exitError(openingKind)
	}
	c.connected = true
	return nil
}

// staysAlive waits for d, and returns an error if the command or its output ends meanwhile.
func (c *child) staysAlive(ctx context.Context, d time.Duration) error {
	passed, stop := clock.After(clock.Real{}, d)
	defer stop()
	select {
	case <-passed:
		return nil
	case <-c.exited:
		return c.exitError(openingKind)
	case <-c.outputEnded:
		return c.exitError(openingKind)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// unread returns how many bytes the command has not read yet.
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

// inputClosed reports whether no process has the command's standard input open: the command ended and left another
// process running, or it closed its input.
func (c *child) inputClosed() bool {
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
