package simboard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
)

const (
	mediumSuffix = ".img"
	mediaList    = ".flashlua-media" // beside the media: the names of those that a simulated board may write, one a line
	maxMediaList = 64 << 10          // bytes
)

// openMedium opens the file of a medium, and makes it if there is none. It writes nothing to a file that is there
// already.
func openMedium(dir, name string, permit func(*os.File) error) (*os.File, error) {
	if permit == nil {
		permit = func(*os.File) error { return nil }
	}
	path := filepath.Join(dir, name)
	f, err := openRegular(path, os.O_RDWR, permit)
	if errors.Is(err, os.ErrNotExist) { // listed first: a killed run leaves no medium that the next one refuses
		if err := list(dir, name, permit); err != nil {
			return nil, err
		}
		f, err = openRegular(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, permit)
		if errors.Is(err, os.ErrExist) { // another board was faster
			return openRegular(path, os.O_RDWR, permit)
		}
		return f, err
	}
	if err != nil {
		return nil, err
	}
	names, err := listed(dir, permit)
	if err == nil && !slices.Contains(strings.Fields(string(names)), name) {
		err = classify.WithHint(errors.New("the file is there, and no simulated board made it"),
			"name another folder; or, to let simulated boards write the file, add the line %s to %s", name, filepath.Join(dir, mediaList))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
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
	if err == nil {
		err = permit(f)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// listed returns the list of the media in dir, empty if there is none.
func listed(dir string, permit func(*os.File) error) ([]byte, error) {
	f, err := openRegular(filepath.Join(dir, mediaList), os.O_RDONLY, permit)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxMediaList))
}

// list adds a name to the list of the media in dir.
func list(dir, name string, permit func(*os.File) error) error {
	names, err := listed(dir, permit)
	if err != nil || slices.Contains(strings.Fields(string(names)), name) {
		return err
	}
	f, err := openRegular(filepath.Join(dir, mediaList), os.O_WRONLY|os.O_APPEND|os.O_CREATE, permit)
	if err != nil {
		return err
	}
	line := name + "\n"
	if len(names) > 0 && !bytes.HasSuffix(names, []byte("\n")) { // a person wrote the last line
		line = "\n" + line
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}
