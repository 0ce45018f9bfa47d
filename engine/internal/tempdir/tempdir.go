// Package tempdir makes directories that are removed even if their process was killed: by the next one that makes
// one.
package tempdir

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"
)

// digits is what os.MkdirTemp appends to a name. A directory whose name ends in anything else was made by another
// program.
var digits = regexp.MustCompile(`^[0-9]+$`)

// Make makes a directory in parent, which is locked until remove is called. It removes the directories of the same
// name and user that have no lock: their processes were killed.
func Make(parent, name string) (dir string, remove func() error, err error) {
	host, _ := os.Hostname()
	name = fmt.Sprintf("%s-%08x-", name, crc32.ChecksumIEEE([]byte(host))) // the locks of other machines may not be seen
	entries, _ := os.ReadDir(parent)
	for _, e := range entries {
		if number, ok := strings.CutPrefix(e.Name(), name); ok && digits.MatchString(number) {
			removeStale(filepath.Join(parent, e.Name()))
		}
	}
	hidden, err := os.MkdirTemp(parent, "."+name) // until it has its lock
	if err != nil {
		return "", nil, err
	}
	lock, err := openDir(hidden)
	if err == nil {
		unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) // where that fails it does so for everyone
		dir = filepath.Join(parent, strings.TrimPrefix(filepath.Base(hidden), "."))
		err = os.Rename(hidden, dir)
	}
	if err != nil {
		lock.Close()
		os.Remove(hidden)
		return "", nil, err
	}
	return dir, func() error { return errors.Join(os.RemoveAll(dir), lock.Close()) }, nil
}

// removeStale removes a directory of this user that is not locked.
func removeStale(dir string) {
	f, err := openDir(dir)
	if err != nil {
		return
	}
	defer f.Close()
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) == nil && int(st.Uid) == os.Geteuid() && unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		os.RemoveAll(dir)
	}
}

func openDir(dir string) (*os.File, error) {
	return os.OpenFile(dir, unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
}
