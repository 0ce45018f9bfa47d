//go:build !linux

package power

import "golang.org/x/sys/unix"

// discardTyped drops what was typed at a terminal and not read. It is BSD's ioctl, of which 1 (FREAD) is the input.
func discardTyped(fd int) { unix.IoctlSetPointerInt(fd, unix.TIOCFLUSH, 1) }
