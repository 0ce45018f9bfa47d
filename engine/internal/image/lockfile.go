package image

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/input"
)

const (
	lockSuffix = ".lock"
	lockAge    = 24 * time.Hour // after which a lock file that no run uses is removed
	// aliveInterval is the time between two signs that a run makes progress.
	aliveInterval = 5 * time.Second
)

// keeps reports whether the cache keeps what is put into it.
func (c *Cache) keeps() bool {
	if c == nil || c.Limit <= 0 || c.create() != nil {
		return false
	}
	fd, err := openUnnamed(c.images())
	if err != nil { // as on a network file system
		return false
	}
	unix.Close(fd)
	return true
}

// lock opens the lock file of key and locks it. If another run has the lock, locked is false. It never waits.
func (c *Cache) lock(key string) (f *os.File, locked bool, err error) {
	path := filepath.Join(c.images(), key+lockSuffix)
	for range 100 { // as often as the file is removed meanwhile
		f, err := input.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, false, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			return f, false, nil
		}
		if err == nil && isAt(f, path) {
			return f, true, nil
		}
		f.Close()
		if err != nil {
			return nil, false, err
		}
	}
	return nil, false, os.ErrNotExist
}

// isAt reports whether path is the name of f.
func isAt(f *os.File, path string) bool {
	there, err := os.Lstat(path)
	if err != nil {
		return false
	}
	open, err := f.Stat()
	return err == nil && os.SameFile(there, open)
}

// removeLock removes a lock file, unless a run uses it.
func (c *Cache) removeLock(name string) {
	f, err := input.OpenFile(filepath.Join(c.images(), name), os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil && isAt(f, f.Name()) {
		c.remove(name)
	}
}

// aliveSigns shows runs that wait for this one that it makes progress: it sets the modification time of the lock
// files. It is safe for concurrent use.
type aliveSigns struct {
	clock clock.Clock

	mu    sync.Mutex // mu guards what follows
	files []*os.File
	last  time.Time
}

func (a *aliveSigns) add(f *os.File) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.files = append(a.files, f)
	a.last = a.clock.Now()
}

func (a *aliveSigns) remove(f *os.File) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.files {
		if a.files[i] == f {
			a.files = append(a.files[:i:i], a.files[i+1:]...)
			return
		}
	}
}

// show sets the times of the files, if the last time is old enough.
func (a *aliveSigns) show() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.files) == 0 {
		return
	}
	now := a.clock.Now()
	if now.Sub(a.last) < aliveInterval {
		return
	}
	a.last = now
	for _, f := range a.files {
		os.Chtimes(f.Name(), now, now)
	}
}
