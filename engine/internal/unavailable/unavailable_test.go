package unavailable

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

// TestIs holds which errors may pass.
func TestIs(t *testing.T) {
	dial := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
	}
	lookup := func(e net.DNSError) error { return &net.OpError{Op: "dial", Net: "tcp", Err: &e} }
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{dial(syscall.ECONNREFUSED), true},
		{dial(syscall.EHOSTUNREACH), true},
		{dial(syscall.ETIMEDOUT), true},
		{dial(syscall.EACCES), false},
		{&os.PathError{Op: "open", Path: "/dev/ttyUSB0", Err: syscall.EBUSY}, true},
		{&os.PathError{Op: "open", Path: "/dev/ttyUSB0", Err: syscall.ENOENT}, false},
		{lookup(net.DNSError{Err: "no such host", Name: "x.invalid", IsNotFound: true}), false},
		{lookup(net.DNSError{Err: "server misbehaving", Name: "x", IsTemporary: true}), true},
		{lookup(net.DNSError{Err: "i/o timeout", Name: "x", IsTimeout: true}), true},
		{lookup(net.DNSError{Err: "no such host", Name: "x", IsNotFound: true, IsTemporary: true}), false},
		{fmt.Errorf("greeting: %w", io.EOF), true},
		{os.ErrDeadlineExceeded, true},
		{errors.New("what answers is not QMP"), false},
	} {
		if got := Is(tt.err); got != tt.want {
			t.Errorf("Is(%v) = %v; want %v", tt.err, got, tt.want)
		}
	}
}
