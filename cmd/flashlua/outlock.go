package main

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
)

// claimOutDir is prepareOutDir for a directory that no other run writes to until lock is closed: two runs would leave
// the verdict of one board and the events of another. On a file system without locks it claims nothing. lock may be
// nil.
func claimOutDir(dir string, inputs []string) (lock *os.File, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	lock, err = os.OpenFile(dir, os.O_RDONLY|unix.O_NONBLOCK, 0)
	switch {
	case err != nil: // it can be used, and not be read
		lock = nil
	case unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == unix.EWOULDBLOCK:
		lock.Close()
		return nil, classify.WithHint(classify.New("", "another run writes to it"),
			"each run needs a directory of its own, as in --out %s/BOARD; FLASHLUA_OUT is for one job at a time", dir)
	}
	if err := prepareOutDir(dir, inputs); err != nil {
		if lock != nil {
			lock.Close()
		}
		return nil, err
	}
	return lock, nil
}
