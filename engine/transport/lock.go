package transport

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
)

// lock keeps other flashlua processes off a port. The kernel drops it when the process ends, however it ends.
type lock struct {
	f    *os.File
	once sync.Once
}

// lockDir is shared by all users of the machine.
func lockDir() string { return filepath.Join(os.TempDir(), "flashlua-locks") }

// acquire locks spec, or names who holds it.
func acquire(spec string) (*lock, error) {
	dir := lockDir()
	if err := os.Mkdir(dir, 0o777); err == nil {
		os.Chmod(dir, 0o1777) // past the umask: any user may lock
	} else if !errors.Is(err, os.ErrExist) {
		return nil, classify.Wrap(err, classify.TransportOpen, "cannot lock %s", spec)
	}
	sum := sha256.Sum256([]byte(spec))
	path := filepath.Join(dir, hex.EncodeToString(sum[:8]))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o666)
	if err != nil {
		return nil, classify.Wrap(err, classify.TransportOpen, "cannot lock %s", spec)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path)
		f.Close()
		return nil, busy(spec, strings.TrimSpace(string(holder)))
	}
	f.Chmod(0o666)
	f.Truncate(0)
	fmt.Fprintf(f, "process %d (%s)\n", os.Getpid(), self())
	return &lock{f: f}, nil
}

// release leaves the file: removing it would let two holders have a lock each.
func (l *lock) release() { l.once.Do(func() { l.f.Close() }) }

// self names this program, for whoever finds the port in use.
func self() string {
	path, err := os.Executable()
	if err != nil {
		return "flashlua"
	}
	return filepath.Base(path)
}
