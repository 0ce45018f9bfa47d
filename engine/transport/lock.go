package transport

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
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

// lockDir is shared by all users of the machine and does not depend on anybody's environment.
func lockDir() string {
	const usual = "/run/lock"
	if st, err := os.Stat(usual); err == nil && st.IsDir() && unix.Access(usual, unix.W_OK) == nil {
		return usual
	}
	return "/tmp"
}

// canonical gives one name to the spellings of one address.
func canonical(scheme, address string) string {
	if path, err := filepath.EvalSymlinks(address); err == nil {
		if abs, err := filepath.Abs(path); err == nil {
			return scheme + ":" + abs
		}
	}
	if at, err := net.ResolveTCPAddr("tcp", address); err == nil {
		return "tcp:" + at.String() // whatever is spoken there
	}
	return scheme + ":" + address
}

// acquire locks the port that spec names, or names who holds it.
func acquire(spec, name string) (*lock, error) {
	sum := sha256.Sum256([]byte(name))
	path := filepath.Join(lockDir(), "flashlua-"+hex.EncodeToString(sum[:8]))
	// Another user's file in a sticky directory must not be opened with O_CREATE, see fs.protected_regular.
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o666)
	}
	if err != nil {
		return nil, classify.Wrap(err, classify.TransportOpen, "cannot lock %s", spec)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path)
		f.Close()
		return nil, busy(spec, strings.TrimSpace(string(holder)))
	}
	f.Chmod(0o666) // past the umask: any user may lock
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
