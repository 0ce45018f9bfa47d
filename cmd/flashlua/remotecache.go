package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/sys/unix"
)

// remoteKeep is how long a file that no run uses stays in a remoteCache.
const remoteKeep = 14 * 24 * time.Hour

// remoteCache is the folder for runs of other hosts. It has the files that they sent, files/SHA256, the programs that
// they sent, bin/SHA256/flashlua, and the folder of each run, runs/NUMBER, with a lock.
type remoteCache string

func (c remoteCache) file(digest string) string { return filepath.Join(string(c), "files", digest) }

var hexDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// check returns an error for a file that must not be created.
func (f remoteFile) check() error {
	if !hexDigest.MatchString(f.SHA256) || !filepath.IsLocal(f.Name) || f.Size < 0 {
		return fmt.Errorf("the file %q cannot be in the folder of a run", f.Name)
	}
	return nil
}

// prepare creates the folders, and removes what killed runs left and what no run used for remoteKeep.
func (c remoteCache) prepare(now time.Time) error {
	for _, dir := range []string{"files", "runs"} {
		if err := os.MkdirAll(filepath.Join(string(c), dir), 0o700); err != nil {
			return err
		}
	}
	runs, _ := os.ReadDir(filepath.Join(string(c), "runs"))
	for _, e := range runs {
		dir := filepath.Join(string(c), "runs", e.Name())
		if lock := lockDir(dir); lock != nil {
			os.RemoveAll(dir)
			lock.Close()
		}
	}
	for _, pattern := range []string{"files/*", "bin/*"} {
		old, _ := filepath.Glob(filepath.Join(string(c), pattern))
		for _, path := range old {
			if st, err := os.Stat(path); err == nil && now.Sub(st.ModTime()) > remoteKeep {
				os.RemoveAll(path)
			}
		}
	}
	return nil
}

// lockDir locks a folder. It returns nil if another process has the lock, or if the folder cannot be opened.
func lockDir(dir string) *os.File {
	f, err := os.OpenFile(dir, unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		f.Close()
		return nil
	}
	return f
}

// newRunTries is how many folders newRun creates, because another process may remove one before it is locked.
const newRunTries = 5

// newRun creates the folder of a run. remove removes it.
func (c remoteCache) newRun() (dir string, remove func(), err error) {
	for range newRunTries {
		if dir, err = os.MkdirTemp(filepath.Join(string(c), "runs"), ""); err != nil {
			return "", nil, err
		}
		lock := lockDir(dir)
		if _, err := os.Stat(dir); lock != nil && err == nil {
			return dir, func() {
				os.RemoveAll(dir)
				lock.Close()
			}, nil
		}
		if lock != nil { // another process removed the folder before it was locked
			lock.Close()
		}
		os.Remove(dir)
	}
	return "", nil, fmt.Errorf("no folder in %s can be locked", filepath.Join(string(c), "runs"))
}

// has reports whether a file is there, and marks it as used.
func (c remoteCache) has(f remoteFile, now time.Time) bool {
	st, err := os.Stat(c.file(f.SHA256))
	return err == nil && st.Mode().IsRegular() && st.Size() == f.Size && os.Chtimes(c.file(f.SHA256), now, now) == nil
}

// receive writes a file from content, which ends with io.EOF. A file that is not complete, or has another digest, is
// removed.
func (c remoteCache) receive(f remoteFile, content io.Reader) error {
	tmp, err := os.CreateTemp(filepath.Join(string(c), "files"), "new-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(tmp, sum), content)
	if err = errors.Join(err, tmp.Chmod(0o600), tmp.Close()); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != f.SHA256 {
		return fmt.Errorf("%s changed while it was sent", localName(f.Name))
	}
	return os.Rename(tmp.Name(), c.file(f.SHA256))
}

// place puts a file into the folder of a run.
func (c remoteCache) place(f remoteFile, dir string) error {
	path := filepath.Join(dir, f.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.Link(c.file(f.SHA256), path)
}
