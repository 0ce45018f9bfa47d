package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
)

// create opens a file for writing and truncates it. It refuses a file that the run reads. A device or a FIFO is
// opened as it is.
func create(path string, inputs ...string) (*os.File, error) {
	if err := checkNotInput(path, inputs); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|syscall.O_NONBLOCK, 0o644) // O_NONBLOCK: opening a FIFO without a reader would block
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
		return f, f.Truncate(0)
	}
	return f, nil
}

// checkNotInput returns an error if path is one of the other files of the run, or a Lua script: flashlua
// overwrites neither.
func checkNotInput(path string, others []string) error {
	st, err := os.Stat(path)
	for _, other := range others {
		if other == "" {
			continue
		}
		if in, ierr := os.Stat(other); err == nil && ierr == nil && in.Mode().IsRegular() && os.SameFile(st, in) || realPath(path) == realPath(other) {
			return fmt.Errorf("it is the same file as %s", other)
		}
	}
	if err == nil && st.Mode().IsRegular() && filepath.Ext(path) == ".lua" {
		return fmt.Errorf("it is a Lua script, which is never overwritten")
	}
	return nil
}

// realPath returns the absolute path of a file that may not exist yet, also of one to which a symbolic link leads,
// without the symbolic links of its directory.
func realPath(path string) string {
	if to, err := os.Readlink(path); err == nil {
		if path = filepath.Join(filepath.Dir(path), to); filepath.IsAbs(to) {
			path = to
		}
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, filepath.Base(path))
}

// artefactPrefix matches the beginning of each artefact, by its flag.
var artefactPrefix = map[string]*regexp.Regexp{
	"summary":    regexp.MustCompile(`^\{\s*"result": "`),
	"verdict":    regexp.MustCompile(`^\{\s*"result": "`),
	"events":     regexp.MustCompile(`^\{"time":"`),
	"transcript": regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (?:[^\n]* )?[<>#] `), // with the name of the flash and of the console
}

// checkArtefact returns an error if the file at path has content that is not an artefact of the flag: flashlua did
// not write the file and must not replace it. An empty file may be replaced.
func checkArtefact(path, flag string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // O_NONBLOCK: opening a FIFO without a writer would block
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
	head := make([]byte, 256)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	if n > 0 && !artefactPrefix[flag].Match(head[:n]) {
		return fmt.Errorf("%s would be replaced, and is no artefact of flashlua: move it, or use another path", path)
	}
	return nil
}

// rotateAt is the size in bytes at which a transcript is rotated.
const rotateAt = 64 << 20

// rotatingFile is a transcript that is renamed to NAME.1 at limit bytes, replacing an older NAME.1, so that a
// board that prints without end does not fill the disk. It does not replace a NAME.1 that is no transcript. A
// device or a FIFO is not rotated.
type rotatingFile struct {
	*os.File
	path    string
	limit   int64
	size    int64  // negative: not a regular file
	head    []byte // the first line, which names the run: it begins each file
	rotated bool   // NAME.1 is of this run
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

// rotatedName returns the path of the older part of a transcript.
func rotatedName(path string) string { return path + ".1" }

// Write writes one line.
func (r *rotatingFile) Write(line []byte) (int, error) {
	if r.size > 0 && r.size+int64(len(line)) > r.limit {
		if !r.rotated { // another program may have created it since the run began
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
		r.File = f
		n, err := f.Write(r.head)
		if r.size = int64(n); err != nil {
			return 0, err
		}
	}
	if r.head == nil {
		head, _, _ := bytes.Cut(line, []byte("\n"))
		r.head = append(bytes.Clone(head), '\n')
	}
	n, err := r.File.Write(line)
	if r.size >= 0 {
		r.size += int64(n)
	}
	return n, err
}
