package main

import (
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"regexp"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/engine/input"
)

// A verdict that is not yet in its place is a file .verdict-HOST-NUMBER with a lock on it. A process that is killed leaves
// the file without the lock, and the next run into that folder removes it.

// halfName returns how the names of this machine's files begin: the locks of other machines may not be seen.
func halfName() string {
	host, _ := os.Hostname()
	return fmt.Sprintf(".verdict-%08x-", crc32.ChecksumIEEE([]byte(host)))
}

// newHalf makes such a file in dir, and removes those of processes that were killed.
func newHalf(dir string) (*os.File, error) {
	removeHalves(dir)
	for {
		f, err := os.CreateTemp(dir, halfName()+"*")
		if err != nil {
			return nil, err
		}
		var st unix.Stat_t
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK && (unix.Fstat(int(f.Fd()), &st) != nil || st.Nlink > 0) {
			return f, nil // where there are no locks, nothing is removed either
		}
		f.Close() // another process took it for one without a maker
	}
}

// removeHalves removes what has the name of such a file, belongs to this user and is not locked.
func removeHalves(dir string) {
	name := regexp.MustCompile("^" + regexp.QuoteMeta(halfName()) + "[0-9]+$")
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if !e.Type().IsRegular() || !name.MatchString(e.Name()) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		f, err := input.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
		if err != nil {
			continue
		}
		var st unix.Stat_t
		if unix.Fstat(int(f.Fd()), &st) == nil && int(st.Uid) == os.Geteuid() && st.Nlink == 1 && unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			os.Remove(path)
		}
		f.Close()
	}
}
