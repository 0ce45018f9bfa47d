package main

import (
	"cmp"
	"os"
)

// rotateAt is the size of a transcript, in bytes, at which another one is begun.
const rotateAt = 64 << 20

// rotating is a file that is put aside as NAME.1 when it is large, in the place of an older one: a board that prints
// without end does not fill the disk. What is no regular file is written as it is. A NAME.1 that is no transcript is not
// replaced.
type rotating struct {
	*os.File
	path  string
	limit int64
	size  int64 // negative: not a regular file
	moved bool  // what is put aside is of this run
}

func newRotating(path string, others ...string) (*rotating, error) {
	if st, err := os.Stat(path); err != nil || st.Mode().IsRegular() {
		if err := cmp.Or(checkNotInput(rotatedName(path), others), foreign(rotatedName(path), "transcript")); err != nil {
			return nil, err
		}
	}
	f, err := create(path, others...)
	if err != nil {
		return nil, err
	}
	r := &rotating{File: f, path: path, limit: rotateAt}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		r.size = -1
	}
	return r, nil
}

// rotatedName is where an older part of a transcript is.
func rotatedName(path string) string { return path + ".1" }

// Write writes one line.
func (r *rotating) Write(line []byte) (int, error) {
	if r.size > 0 && r.size+int64(len(line)) > r.limit {
		if !r.moved { // it may be there since the run began
			if err := foreign(rotatedName(r.path), "transcript"); err != nil {
				return 0, err
			}
		}
		if err := os.Rename(r.path, rotatedName(r.path)); err != nil {
			return 0, err
		}
		r.moved = true
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
