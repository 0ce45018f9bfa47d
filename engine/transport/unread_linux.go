package transport

import "golang.org/x/sys/unix"

// unreadBytes returns how many bytes of a pipe its reader has not read yet.
func unreadBytes(fd int) (int, error) { return unix.IoctlGetInt(fd, unix.TIOCINQ) }
