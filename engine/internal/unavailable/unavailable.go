// Package unavailable recognizes the errors of a server or a device that cannot be used now and may be usable later.
// It owns the list of these errors; it does not know what connects.
package unavailable

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"syscall"

	"github.com/flashlua/flashlua/classify"
)

// errnos are the errors of a server that is down, restarts, or cannot be reached, and of a resource that is in use.
var errnos = []syscall.Errno{
	syscall.EAGAIN, syscall.EBUSY, syscall.ECONNABORTED, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EHOSTDOWN,
	syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.ENETRESET, syscall.ENETUNREACH, syscall.EPIPE, syscall.ETIMEDOUT,
}

// Is reports whether err is the error of something that may be available later. A name that does not exist is not: it
// is wrong. A name that could not be resolved, because the name server did not answer, is.
func Is(err error) bool {
	var (
		name  *net.DNSError
		errno syscall.Errno
	)
	switch {
	case err == nil:
		return false
	case errors.As(err, &name):
		return !name.IsNotFound && (name.IsTemporary || name.IsTimeout)
	case errors.As(err, &errno):
		return slices.Contains(errnos, errno)
	}
	var timeout net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout()
}

// Kind returns later if err is the error of something that may be available later, and else now.
func Kind(err error, later, now classify.Kind) classify.Kind {
	if Is(err) {
		return later
	}
	return now
}
