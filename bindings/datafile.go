package bindings

import (
	"errors"
	"io/fs"
	"path"
)

// maxDataFile is how many bytes a data file of a script may have.
const maxDataFile = 4 << 20

// Read returns the content of a data file in the script's folder or below it. On the station, symbolic links do not
// lead out of the folder.
func (f *finder) Read(name string) ([]byte, error) {
	content, err := f.read(name)
	f.hash(name, content)
	if err == nil {
		f.files = append(f.files, name)
	}
	return content, err
}

func (f *finder) read(name string) ([]byte, error) {
	switch {
	case !fs.ValidPath(name) || name == ".":
		return nil, errors.New("a path is relative to the script's folder, and does not leave it")
	case f.fsys != nil:
		return readFS(f.fsys, path.Join(f.dir, name), maxDataFile)
	case f.dir != "":
		return readBelow(f.dir, name, maxDataFile)
	}
	return nil, errors.New("the script lies in no folder")
}
