package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
)

// create opens a file to write, and refuses one that the run reads. What is there and no regular file, a device or a
// pipe, is written as it is.
func create(path string, inputs ...string) (*os.File, error) {
	if err := checkNotInput(path, inputs); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|syscall.O_NONBLOCK, 0o644) // a FIFO without a reader would hang
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
		return f, f.Truncate(0)
	}
	return f, nil
}

// checkNotInput refuses to write over what the run reads, or writes too. A Lua script is never an output.
func checkNotInput(path string, others []string) error {
	st, err := os.Stat(path)
	for _, other := range others {
		if other == "" {
			continue
		}
		if in, ierr := os.Stat(other); err == nil && ierr == nil && in.Mode().IsRegular() && os.SameFile(st, in) || filepath.Clean(path) == filepath.Clean(other) {
			return fmt.Errorf("it is the same file as %s", other)
		}
	}
	if err == nil && st.Mode().IsRegular() && filepath.Ext(path) == ".lua" {
		return fmt.Errorf("it is a Lua script, which nothing writes over")
	}
	return nil
}

// artefactPrefix is how each artefact begins, by its flag.
var artefactPrefix = map[string]*regexp.Regexp{
	"verdict":    regexp.MustCompile(`^\{\s*"result": "`),
	"events":     regexp.MustCompile(`^\{"time":"`),
	"transcript": regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [<>#] `),
}

// checkArtefact returns an error if the file at path has content that is not such an artefact: flashlua did not make it, and
// must not remove it. An empty file has nothing to lose.
func checkArtefact(path, flag string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO without a writer would hang
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return err
	}
	head := make([]byte, 64)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	if n > 0 && !artefactPrefix[flag].Match(head[:n]) {
		return fmt.Errorf("%s would be replaced, and flashlua did not make it: move it away, or name another path", path)
	}
	return nil
}

// rotateAt is the size of a transcript, in bytes, at which another one is begun.
const rotateAt = 64 << 20

// rotatingFile is a file that is put aside as NAME.1 when it is large, in the place of an older one: a board that prints
// without end does not fill the disk. What is no regular file is written as it is. A NAME.1 that is no transcript is not
// replaced.
type rotatingFile struct {
	*os.File
	path    string
	limit   int64
	size    int64 // negative: not a regular file
	rotated bool  // what is put aside is of this run
}

func newRotatingFile(path string, others ...string) (*rotatingFile, error) {
	if st, err := os.Stat(path); err != nil || st.Mode().IsRegular() {
		if err := cmp.Or(checkNotInput(rotatedName(path), others), checkArtefact(rotatedName(path), "transcript")); err != nil {
			return nil, err
		}
	}
	f, err := create(path, others...)
	if err != nil {
		return nil, err
	}
	r := &rotatingFile{File: f, path: path, limit: rotateAt}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		r.size = -1
	}
	return r, nil
}

// rotatedName is where an older part of a transcript is.
func rotatedName(path string) string { return path + ".1" }

// Write writes one line.
func (r *rotatingFile) Write(line []byte) (int, error) {
	if r.size > 0 && r.size+int64(len(line)) > r.limit {
		if !r.rotated { // it may be there since the run began
			if err := checkArtefact(rotatedName(r.path), "transcript"); err != nil {
				return 0, err
			}
		}
		if err := os.Rename(r.path, rotatedName(r.path)); err != nil {
			return 0, err
		}
		r.rotated = true
		f, err := create(r.path)
		if err != nil {
			return 0, err
		}
		r.Close()
		r.File, r.size = f, 0
	}
	n, err := r.File.Write(line)
	if r.size >= 0 {
		r.size += int64(n)
	}
	return n, err
}
