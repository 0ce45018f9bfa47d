// Package input opens files in places that other users can write to. Opening and reading a FIFO waits for its
// other end, and no context ends that wait; so only regular files are opened, and without waiting. The package
// does not know what is in a file. It is not meant for embedders.
package input

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"
)

// ErrNotRegular is the error of a path that is a FIFO, a socket, a device or a directory.
var ErrNotRegular = errors.New("it is not a regular file")

// Open opens a regular file for reading.
func Open(path string) (*os.File, error) { return OpenFile(path, os.O_RDONLY, 0) }

// OpenFile is os.OpenFile for a regular file. With O_NOFOLLOW in flag it does not follow a symbolic link at the
// end of path.
func OpenFile(path string, flag int, perm os.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, flag|unix.O_NONBLOCK|unix.O_NOCTTY, perm)
	if err != nil {
		return nil, err
	}
	if err := Regular(f); err != nil {
		f.Close()
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return f, nil
}

// Regular returns ErrNotRegular unless f is a regular file.
func Regular(f *os.File) error {
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = ErrNotRegular
	}
	return err
}

// Read returns the content of a regular file, which may have at most limit bytes.
func Read(path string, limit int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadAll(f, limit)
}

// ReadAll returns the content of r. More than limit bytes are an error.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(text)) > limit {
		return nil, fmt.Errorf("it has more than %d bytes", limit)
	}
	return text, err
}

// Line returns the first line of r, trimmed and without control characters, so that it can be printed. It reads at
// most limit bytes.
func Line(r io.Reader, limit int64) string {
	text, _ := io.ReadAll(io.LimitReader(r, limit))
	line, _, _ := strings.Cut(strings.TrimSpace(strings.ToValidUTF8(string(text), "?")), "\n")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return -1
		}
		return r
	}, line))
}
