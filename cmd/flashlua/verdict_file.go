package main

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/input"
)

// verdict is the output file of the verdict. It is opened before the run, so that a wrong path is an error at
// once. A regular file is written under a temporary name in the same directory and renamed when it is complete; a
// device or a FIFO is written directly.
type verdict struct {
	path   string // to rename f to; "" if f is written directly
	f      *os.File
	stdout io.Writer // instead of f; it is not closed
}

// newVerdict opens the file of a run's verdict. It removes the verdict of an earlier run: without it, a run that is
// killed would leave the result of another one.
func newVerdict(path string, others ...string) (*verdict, error) {
	if path == "" {
		return &verdict{}, nil
	}
	v, err := openVerdict(path, others)
	if err == nil && v.path != "" && checkArtefact(v.path, "verdict") == nil {
		os.Remove(v.path) // it is replaced at the end if that fails
	}
	return v, unreadHint(classify.Wrap(err, classify.OutputOpen, "--verdict %s cannot be written", path))
}

func openVerdict(path string, others []string) (*verdict, error) {
	if err := checkNotInput(path, others); err != nil {
		return nil, err
	}
	st, err := os.Stat(path)
	switch {
	case err == nil && st.IsDir():
		return nil, syscall.EISDIR
	case err == nil && !st.Mode().IsRegular():
		f, err := create(path)
		return &verdict{f: f}, err
	case err == nil:
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return nil, err
		}
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, err
	}
	f, err := newVerdictTemp(filepath.Dir(path))
	return &verdict{path: path, f: f}, err
}

// unreadHint adds a hint to the error of a FIFO without a reader.
func unreadHint(err error) error {
	if errors.Is(err, syscall.ENXIO) {
		return classify.WithHint(err, "start the reader of the FIFO first, or name a file")
	}
	return err
}

// marshaler is a verdict, or the summary of several.
type marshaler interface{ MarshalIndent() ([]byte, error) }

// write writes the verdict and renames the file. It waits at most drainTime for a FIFO without a reader or a file
// system that stalls.
func (v *verdict) write(clk clock.Clock, r marshaler) error {
	if v == nil || v.f == nil && v.stdout == nil {
		return nil
	}
	text, err := r.MarshalIndent()
	if err != nil {
		return err
	}
	err = inTime(clk, func() error { return v.put(text) })
	return classify.Wrap(err, classify.OutputWrite, "the verdict could not be written")
}

// inTime calls put, and waits at most drainTime for it.
func inTime(clk clock.Clock, put func() error) error {
	done := make(chan error, 1)
	late, stop := clock.After(clk, drainTime)
	defer stop()
	go func() { done <- put() }()
	select {
	case err := <-done:
		return err
	case <-late:
		return classify.New(classify.OutputWrite, "timed out after %s", drainTime)
	}
}

func (v *verdict) put(text []byte) error {
	if v.stdout != nil {
		_, err := v.stdout.Write(text)
		return err
	}
	_, err := v.f.Write(text)
	if v.path != "" {
		defer os.Remove(v.f.Name())
		err = errors.Join(err, v.f.Chmod(0o644))
		if lock, e := unix.FcntlInt(v.f.Fd(), unix.F_DUPFD_CLOEXEC, 0); e == nil { // it is kept until the file has its name
			defer unix.Close(lock)
		}
	}
	err = errors.Join(err, v.f.Close())
	if err == nil && v.path != "" {
		err = os.Rename(v.f.Name(), v.path)
	}
	return err
}

// The temporary file of a verdict is .verdict-HOST-NUMBER, with a lock. A killed process leaves the file without
// the lock, and the next run that writes a verdict to the directory removes it.

// verdictTempPrefix returns the beginning of the temporary files' names. It contains a checksum of the host's
// name, because on a network file system the locks of other hosts may be invisible.
func verdictTempPrefix() string {
	host, _ := os.Hostname()
	return fmt.Sprintf(".verdict-%08x-", crc32.ChecksumIEEE([]byte(host)))
}

// newVerdictTemp creates a locked temporary file in dir. It removes the files of killed processes first.
func newVerdictTemp(dir string) (*os.File, error) {
	removeStaleVerdicts(dir)
	for {
		f, err := os.CreateTemp(dir, verdictTempPrefix()+"*")
		if err != nil {
			return nil, err
		}
		var st unix.Stat_t
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK && (unix.Fstat(int(f.Fd()), &st) != nil || st.Nlink > 0) {
			return f, nil // on a file system without locks, no process removes files
		}
		f.Close() // another process removed it before it was locked
	}
}

// removeStaleVerdicts removes the temporary files in dir that belong to this user and are not locked.
func removeStaleVerdicts(dir string) {
	name := regexp.MustCompile("^" + regexp.QuoteMeta(verdictTempPrefix()) + "[0-9]+$")
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
