package simboard

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const mediumSuffix = ".img"

// openMedium opens the file of a medium, and creates it if there is none. It writes nothing to a file that exists.
// A nil permit permits every file.
func openMedium(dir, name string, permit func(*os.File) error) (*os.File, error) {
	path := filepath.Join(dir, name)
	f, err := openRegular(path, os.O_RDWR, permit)
	if errors.Is(err, os.ErrNotExist) {
		f, err = openRegular(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, permit)
		if errors.Is(err, os.ErrExist) { // another board made it first
			return openRegular(path, os.O_RDWR, permit)
		}
	}
	return f, err
}

// openRegular opens a regular file, not a link to one.
func openRegular(path string, flag int, permit func(*os.File) error) (*os.File, error) {
	f, err := os.OpenFile(path, flag|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o644)
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("%s is a symbolic link", path)
	}
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err == nil && permit != nil {
		err = permit(f)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
