package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
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

// verdict is where the verdict goes. It is opened before the run, so that a bad path costs nothing. A regular file is
// written beside its place and renamed when it is whole; anything else is written as it is.
type verdict struct {
	path string // to rename to; "" for what is written in place
	f    *os.File
}

func newVerdict(path string, others ...string) (*verdict, error) {
	if path == "" {
		return &verdict{}, nil
	}
	v, err := openVerdict(path, others)
	return v, unreadHint(classify.Wrap(err, classify.Usage, "--verdict %s cannot be written", path))
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
	f, err := newHalf(filepath.Dir(path))
	return &verdict{path, f}, err
}

// unreadHint explains the error of a FIFO that nothing reads.
func unreadHint(err error) error {
	if errors.Is(err, syscall.ENXIO) {
		return classify.WithHint(err, "start the reader of the FIFO first, or name a file")
	}
	return err
}

// write writes the verdict and puts it in its place. A FIFO that is not read, or a file system that stalls, has drainTime.
func (v *verdict) write(clk clock.Clock, r *engine.Report) error {
	if v == nil || v.f == nil {
		return nil
	}
	text, err := r.MarshalIndent()
	if err != nil {
		return err
	}
	done, late := make(chan error, 1), make(chan struct{})
	defer clk.AfterFunc(drainTime, func() { close(late) })()
	go func() { done <- v.put(text) }()
	select {
	case err = <-done:
	case <-late:
		err = classify.New(classify.Config, "it was not taken within %s", drainTime)
	}
	return classify.Wrap(err, classify.Config, "the verdict could not be written")
}

func (v *verdict) put(text []byte) error {
	_, err := v.f.Write(text)
	if v.path != "" {
		defer os.Remove(v.f.Name())
		err = errors.Join(err, v.f.Chmod(0o644))
	}
	err = errors.Join(err, v.f.Close())
	if err == nil && v.path != "" {
		err = os.Rename(v.f.Name(), v.path)
	}
	return err
}
