package transport

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/input"
)

// lock keeps other flashlua processes off a port. The kernel releases it when the process ends, however it ends.
type lock struct {
	f    *os.File
	once sync.Once
}

// lockDir returns the directory of the locks. All users of the machine share it, and no environment variable
// changes it.
func lockDir() string {
	const usual = "/run/lock"
	if st, err := os.Stat(usual); err == nil && st.IsDir() && unix.Access(usual, unix.W_OK) == nil {
		return usual
	}
	return "/tmp"
}

// Identity returns a text that all specifications of one port have in common, as far as that can be known: links
// of device files are followed, and names of hosts are resolved. It opens nothing.
func Identity(ctx context.Context, spec string) (string, error) {
	scheme, address, _ := strings.Cut(WithScheme(spec), ":")
	return canonical(ctx, scheme, address)
}

// canonical returns one name for all spellings of an address. Only ctx bounds the resolving of a host name.
func canonical(ctx context.Context, scheme, address string) (string, error) {
	if path, err := filepath.EvalSymlinks(address); err == nil {
		if abs, err := filepath.Abs(path); err == nil {
			return scheme + ":" + abs, nil
		}
	}
	if at, ok := resolve(ctx, address); ok {
		return "tcp:" + at, nil // whatever the protocol
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return scheme + ":" + address, nil
}

// resolve returns the numeric form of HOST:PORT.
func resolve(ctx context.Context, address string) (string, bool) {
	host, service, err := net.SplitHostPort(address)
	if err != nil || strings.ContainsAny(host, " /") { // a command or a path
		return "", false
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "tcp", service)
	if err != nil {
		return "", false
	}
	if host == "" {
		return net.JoinHostPort("", strconv.Itoa(port)), true
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return "", false
	}
	best := ips[0].Unmap()
	for _, ip := range ips { // IPv4 first, as the dialer does
		if ip = ip.Unmap(); ip.Is4() && !best.Is4() {
			best = ip
		}
	}
	return net.JoinHostPort(best.String(), strconv.Itoa(port)), true
}

// maxHolder is how many bytes of a lock file are shown.
const maxHolder = 200

// acquire locks the port that spec names, or returns an error that names the holder. Every user of the machine can
// write to the directory, so that a file there may be anything: it is opened without waiting, not followed, and
// not shown unfiltered.
func acquire(spec, name string) (*lock, error) {
	sum := sha256.Sum256([]byte(name))
	return acquireIn(lockDir(), spec, "flashlua-"+hex.EncodeToString(sum[:8]))
}

// AcquireUSBDisk locks the next disk that appears by USB for a caller that cannot distinguish it from another's.
// The error names the process that has the lock. It never waits.
func AcquireUSBDisk() (release func(), err error) {
	l, err := acquireIn(lockDir(), "the next USB disk", "flashlua-usb-disk")
	if err != nil {
		return nil, err
	}
	return l.release, nil
}

// acquireIn is acquire with the directory and the name of the file.
func acquireIn(dir, spec, name string) (*lock, error) {
	path := filepath.Join(dir, name)
	// Another user's file in a sticky directory must not be opened with O_CREATE, see fs.protected_regular.
	f, err := input.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		f, err = input.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o666)
	}
	if err == nil {
		err = checkSingleLink(f)
	}
	if err != nil {
		if f != nil {
			f.Close()
		}
		return nil, classify.WithHint(classify.Wrap(err, classify.TransportOpen, "cannot lock %s: %s is in the way", spec, path),
			"remove %s: flashlua keeps a plain file there, which every user may write", path)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder := input.Line(f, maxHolder)
		f.Close()
		return nil, errBusy(spec, cmp.Or(holder, "another program"))
	}
	f.Chmod(0o666) // regardless of the umask: any user may lock
	f.Truncate(0)
	fmt.Fprintf(f, "process %d (%s)\n", os.Getpid(), programName())
	return &lock{f: f}, nil
}

// checkSingleLink returns an error if the file has another name too. A lock file has one.
func checkSingleLink(f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if st.Nlink > 1 {
		return errors.New("it is a hard link to another file")
	}
	return nil
}

// release releases the lock and leaves the file: if it were removed, two processes could each lock a file of that
// name.
func (l *lock) release() { l.once.Do(func() { l.f.Close() }) }

// programName returns the name of this program, which the lock shows to others.
func programName() string {
	path, err := os.Executable()
	if err != nil {
		return "flashlua"
	}
	return filepath.Base(path)
}
