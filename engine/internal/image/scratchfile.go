package image

import (
	"errors"
	"os"
	"syscall"
)

// diskError marks an error of writing to the disk, as opposed to a damaged image.
type diskError struct{ error }

// file is a scratch file. If the disk is full, trim removes what earlier runs left there.
type file struct {
	f    *os.File
	trim func() bool
}

// scratchFile returns the writer of f. If the disk is full, it removes cached images and writes again.
func (b bounds) scratchFile(f *os.File) *file {
	return &file{f, func() bool { return b.cache != nil && b.cache.evict(0, b.clock.Now()) }}
}

// WriteAt implements io.WriterAt.
func (f *file) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.f.WriteAt(p, off)
	if (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)) && f.trim() {
		n, err = f.f.WriteAt(p, off)
	}
	if err != nil {
		err = &diskError{err}
	}
	return n, err
}
