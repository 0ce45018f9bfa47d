package hold

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/input"
)

// maxRecord and maxText bound what is read of a lock file, and a text of it, in bytes and in runes.
const (
	maxRecord = 4 << 10
	maxText   = 200
)

// record is the content of a lock file.
type record struct {
	Hold
	Token string `json:"token,omitempty"` // of a hold that lends: the digest of its secret
}

// lockFile is an open file with a lock on it.
type lockFile struct{ *os.File }

// openLockFile opens a lock file, and creates it if create is set. Every user can write to the folder, so that a file
// there may be anything: it is opened without waiting and not followed.
func openLockFile(path string, create bool) (*os.File, error) {
	// Another user's file in a sticky directory must not be opened with O_CREATE, see fs.protected_regular.
	f, err := input.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if create && errors.Is(err, os.ErrNotExist) {
		f, err = input.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o666)
		if err == nil {
			f.Chmod(0o666) // regardless of the umask: any user may lock
		}
	}
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(int(f.Fd()), &st); err == nil && st.Nlink > 1 {
		err = errHardLink
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// fileError returns the error of a lock file that cannot be opened, locked or written, nil for nil.
func (a *acquisition) fileError(err error, path string) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, unix.ELOOP) || errors.Is(err, input.ErrNotRegular) || errors.Is(err, unix.EISDIR) || errors.Is(err, errHardLink) {
		return classify.WithHint(classify.Wrap(err, classify.StationLock, "%s is in the way of a lock", path),
			"remove it: flashlua keeps a plain file there, which every user may write")
	}
	return folderError(err, a.Dir)
}

// errHardLink is the error of a lock file with another name. A lock file has one.
var errHardLink = errors.New("it is a hard link to another file")

// tryLock locks the file at path. It returns nil if another process has the lock.
func (a *acquisition) tryLock(ctx context.Context, path string) (*lockFile, error) {
	for n := range maxProbes {
		f, err := openLockFile(path, true)
		if errors.Is(err, os.ErrPermission) && n < maxProbes/10 && a.Clock.Sleep(ctx, probeInterval) == nil {
			continue // another user has just created it, and not set its mode yet
		}
		if err != nil {
			return nil, a.fileError(err, path)
		}
		locked, probed, err := flock(f)
		switch {
		case err != nil:
			f.Close()
			return nil, a.fileError(err, path)
		case locked && isAt(f, path):
			return &lockFile{f}, nil
		}
		f.Close()
		if !locked && !probed {
			return nil, nil
		}
		a.Clock.Sleep(ctx, probeInterval) // a cancelled context ends the caller's loop
	}
	return nil, nil
}

// flock locks a file, without waiting. probed means that only processes that probe it have it.
func flock(f *os.File) (locked, probed bool, err error) {
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return true, false, nil
	}
	if err != unix.EWOULDBLOCK {
		return false, false, err
	}
	return false, !isLocked(f), nil
}

// isLocked reports whether another open file has a lock on f. It must not be called by the owner of the lock.
func isLocked(f *os.File) bool {
	if unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil {
		return true
	}
	unix.Flock(int(f.Fd()), unix.LOCK_UN|unix.LOCK_NB)
	return false
}

// isAt reports whether f is still the file at path: it may have been removed before it was locked.
func isAt(f *os.File, path string) bool {
	own, err := f.Stat()
	if err != nil {
		return false
	}
	st, err := os.Lstat(path)
	return err == nil && os.SameFile(own, st)
}

// write replaces the content.
func (f *lockFile) write(r record) error {
	text, err := json.Marshal(r)
	if err == nil {
		err = f.truncate()
	}
	if err == nil {
		_, err = f.WriteAt(append(text, '\n'), 0)
	}
	return err
}

func (f *lockFile) truncate() error { return f.Truncate(0) }

// readRecord returns the content of the lock file at path, and whether a process has the lock. A file that cannot be
// opened is not locked.
func readRecord(path string) (r record, locked bool) {
	f, err := openLockFile(path, false)
	if err != nil {
		return r, false
	}
	defer f.Close()
	if !isLocked(f) {
		return r, false
	}
	text, err := io.ReadAll(io.LimitReader(f, maxRecord))
	if err != nil || json.Unmarshal(text, &r) != nil {
		r = record{}
	}
	r.Since = r.Since.UTC()
	for _, s := range []*string{&r.User, &r.Command, &r.Station, &r.Image} {
		*s = printable(*s)
	}
	return r, true
}

// printable returns a text of another user without control characters, and cut.
func printable(text string) string {
	runes := []rune(strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "?")))
	return string(runes[:min(len(runes), maxText)])
}
