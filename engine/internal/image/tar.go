package image

import (
	"archive/tar"
	"bufio"
	"io"
)

// tarFile is the only file in a tar. At its end it returns an error if others follow.
type tarFile struct {
	in *bufio.Reader
	t  *tar.Reader
	archive
}

// decodeTar finds the first file in a tar.
func decodeTar(r io.Reader, _ int64) (io.ReadCloser, error) {
	in := bufio.NewReader(r)
	f := &tarFile{in: in, t: tar.NewReader(in), archive: archive{tool: tarTool}}
	for {
		found, err := f.next()
		switch {
		case err == io.EOF:
			return nil, f.check()
		case err != nil:
			return nil, err
		case found:
			return f, nil
		}
	}
}

// next reads the next header, and reports whether it is that of the image.
func (f *tarFile) next() (found bool, err error) {
	h, err := f.t.Next()
	if err != nil {
		return false, err
	}
	switch h.Typeflag {
	case tar.TypeDir, tar.TypeXGlobalHeader, typeVolume, typeDumpDir:
		return false, nil
	}
	return f.add(h.Name, h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeCont || h.Typeflag == tar.TypeGNUSparse), nil
}

// Members of GNU tars that are no files. Source: the manual of GNU tar, "Basic Tar Format".
const (
	typeVolume  = 'V' // the label of a volume
	typeDumpDir = 'D' // a directory with the names in it
)

func (f *tarFile) memberName() string { return f.first }

func (f *tarFile) Close() error { return nil }

func (f *tarFile) Read(p []byte) (int, error) {
	n, err := f.t.Read(p)
	if err == io.EOF {
		err = f.finish()
	}
	return n, err
}

// finish reads the rest of the archive. It returns io.EOF if there is no other file in it.
func (f *tarFile) finish() error {
	for {
		if _, err := f.next(); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
	}
	if err := f.check(); err != nil {
		return err
	}
	return onlyZeros(f.in)
}
