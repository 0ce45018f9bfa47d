package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/input"
)

// TestTheLockDirectoryIsShared: a file of another user in the place of the lock is neither waited for, written to
// nor followed.
func TestTheLockDirectoryIsShared(t *testing.T) {
	const name = "flashlua-0123456789abcdef"
	precious := func(dir string) string { return filepath.Join(dir, "precious") } // a file of another user
	for _, tt := range []struct {
		what  string
		plant func(dir, path string) error
		want  string // in the error; "" is a lock
	}{
		{"nothing", func(_, _ string) error { return nil }, ""},
		{"a lock that is free", func(_, path string) error { return os.WriteFile(path, []byte("process 1 (gone)\n"), 0o644) }, ""},
		{"a FIFO", func(_, path string) error { return unix.Mkfifo(path, 0o666) }, input.ErrNotRegular.Error()},
		{"a folder", func(_, path string) error { return os.Mkdir(path, 0o777) }, "is a directory"},
		{"a link to a file", func(dir, path string) error { return os.Symlink(precious(dir), path) }, "too many levels of symbolic links"},
		{"a link to nothing", func(_, path string) error { return os.Symlink("nothing", path) }, "too many levels of symbolic links"},
		{"another name of a file", func(dir, path string) error { return os.Link(precious(dir), path) }, "it is a hard link to another file"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			dir := t.TempDir()
			if err := errors.Join(os.WriteFile(precious(dir), []byte("data"), 0o600), tt.plant(dir, filepath.Join(dir, name))); err != nil {
				t.Fatal(err)
			}
			l, err := acquireIn(dir, "tcp:x:1", name)
			if l != nil {
				defer l.release()
			}
			f := classify.Facts(err)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("acquireIn() = %v; want nil", err)
			case tt.want != "" && (err == nil || !strings.Contains(strings.Join(classify.Messages(err), ": "), tt.want) || f.Kind != classify.TransportOpen || !strings.Contains(f.Hint, "remove "+dir)):
				t.Errorf("acquireIn() = %v of kind %s, hint %q; want %q of kind %s, a hint to remove it", err, f.Kind, f.Hint, tt.want, classify.TransportOpen)
			}
			if text, err := os.ReadFile(precious(dir)); string(text) != "data" {
				t.Errorf("the other file has %q, %v; want %q", text, err, "data")
			}
		})
	}
}

// TestTheHolderIsNamed: the holder of a lock is shown without control characters, whatever the lock file contains.
func TestTheHolderIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"process 7 (flashlua)\n":                 "process 7 (flashlua)",
		"":                                       "another program",
		"\x1b[2J\x1b]0;owned\x07process 8\n":     "[2J]0;ownedprocess 8",
		strings.Repeat("long ", 1000):            strings.TrimSpace(strings.Repeat("long ", 40)),
		"process 9\nError: nothing is connected": "process 9",
	} {
		dir := t.TempDir()
		l, err := acquireIn(dir, "tcp:x:1", "lock")
		if err != nil {
			t.Fatal(err)
		}
		defer l.release()
		if err := os.WriteFile(filepath.Join(dir, "lock"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err = acquireIn(dir, "tcp:x:1", "lock")
		if got, want := fmt.Sprint(err), "the console port tcp:x:1 is in use by "+want; got != want || classify.Facts(err).Kind != classify.TransportBusy {
			t.Errorf("acquireIn() with a lock file of %.40q = %s; want %s", text, got, want)
		}
	}
}

// TestResolvingEndsWithItsContext: a name server that never answers does not outlast the context.
func TestResolvingEndsWithItsContext(t *testing.T) {
	usual := net.DefaultResolver
	defer func() { net.DefaultResolver = usual }()
	for _, spec := range []string{"tcp:board.invalid:23", "telnet:board.invalid:telnet", "rfc2217:board.invalid:4001"} {
		asked := make(chan struct{}, 10)
		net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			asked <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		ctx, cancel := context.WithCancelCause(t.Context())
		over := errors.New("the deadline passed")
		go func() {
			<-asked
			cancel(over)
		}()
		if _, err := Open(ctx, spec, Line{}); !errors.Is(err, over) {
			t.Errorf("Open(%s) = %v; want %v", spec, err, over)
		}
	}
}

// TestOneNameForOneAddress: all spellings of an address have one lock.
func TestOneNameForOneAddress(t *testing.T) {
	for _, tt := range []struct{ scheme, address, want string }{
		{"tcp", "127.0.0.1:23", "tcp:127.0.0.1:23"},
		{"telnet", "127.0.0.1:telnet", "tcp:127.0.0.1:23"},
		{"tcp", "[::ffff:127.0.0.1]:23", "tcp:127.0.0.1:23"},
		{"tcp", "[::1]:23", "tcp:[::1]:23"},
		{"exec", "ssh lab:23", "exec:ssh lab:23"},
		{"unix", "/proc/self/../self/no-such", "unix:/proc/self/../self/no-such"},
	} {
		if got, err := canonical(t.Context(), tt.scheme, tt.address); got != tt.want || err != nil {
			t.Errorf("canonical(%s:%s) = %s, %v; want %s", tt.scheme, tt.address, got, err, tt.want)
		}
	}
}
