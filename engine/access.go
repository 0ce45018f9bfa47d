package engine

import (
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/input"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// Access is which files of the station a program may use. Block devices may always be written, as flashlua write does.
// The zero value allows no file. Plain data: safe for concurrent use while nothing changes it.
//
// Links are resolved when the program begins in what is allowed, and at each use in what is used: a link in an allowed
// folder that leads out of it is refused.
type Access struct {
	Read  []string // files, with the block maps beside them, and folders with all that is in them: may be read; a socket that is named itself may be connected to
	Write []string // files and folders: may also be written and made, and sockets in them connected to
}

// grants is an Access with absolute paths without links. Nil grants are the operator's: they allow everything.
type grants struct{ read, write []string }

func (a Access) resolve() *grants {
	r := &grants{}
	for _, path := range a.Read {
		r.read = append(r.read, realNames(path)...)
	}
	for _, path := range a.Write {
		r.write = append(r.write, realNames(path)...)
	}
	return r
}

// realNames are the real paths of a file and of the block maps that may be beside it, or of a folder.
func realNames(path string) []string {
	if path == "" {
		return nil
	}
	names := []string{path}
	if st, err := os.Stat(path); err == nil && !st.IsDir() {
		names = append(names, image.BlockMaps(path)...)
	}
	for i, name := range names {
		names[i] = realPath(name)
	}
	return names
}

// canRead returns an error unless the file at path may be read: path itself, or where it leads.
func (g *grants) canRead(path string) error {
	if real := realPath(path); g != nil && !within(g.read, real) && !within(g.write, real) {
		return denied("read", path, real, "allow it with --allow-read %s, or name it after --", real)
	}
	return nil
}

// canWrite returns an error unless the file at path may be written, or made.
func (g *grants) canWrite(path string) error {
	if real := realPath(path); g != nil && !within(g.write, real) {
		return denied("write", path, real, "allow it with --allow-write %s", real)
	}
	return nil
}

// canConnect returns an error unless the socket at path may be connected to.
func (g *grants) canConnect(path string) error {
	if real := realPath(path); g != nil && !within(g.write, real) && !slices.Contains(g.read, real) {
		return denied("connect to", path, real, "allow it with --allow-write %s, or name it after --", real)
	}
	return nil
}

func denied(verb, path, real, hint string, a ...any) error {
	which := ""
	if wd, _ := os.Getwd(); real != path && real != filepath.Join(wd, path) {
		which = ", which is " + real
	}
	return classify.WithHint(classify.New(classify.ScriptGrant, "the script may not %s %q on the station%s", verb, path, which), hint, a...)
}

// permitRead returns an error unless an open file may be read. It asks the kernel where the file is, whatever became of
// the path by which it was opened.
func (g *grants) permitRead(f *os.File) error {
	if g == nil {
		return nil
	}
	return g.permit(f, g.canRead)
}

// permitWrite returns an error unless an open file may be written.
func (g *grants) permitWrite(f *os.File) error {
	if g == nil {
		return nil
	}
	return g.permit(f, g.canWrite)
}

func (g *grants) permit(f *os.File, can func(path string) error) error {
	at, err := whereIs(f)
	if err != nil {
		return classify.Wrap(err, classify.ScriptGrant, "it cannot be told where %s is", f.Name())
	}
	return can(at)
}

func whereIs(f *os.File) (path string, err error) {
	c, err := f.SyscallConn()
	if err != nil {
		return "", err
	}
	if cerr := c.Control(func(fd uintptr) { path, err = descriptorPath(fd) }); cerr != nil {
		return "", cerr
	}
	return path, err
}

// open opens a file to read. It does not wait for the other end of a FIFO.
func (g *grants) open(path string) (*os.File, error) {
	if err := g.canRead(path); err != nil {
		return nil, err
	}
	f, err := input.Open(path)
	if err != nil {
		return nil, err
	}
	if err := g.permitRead(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// openWrite opens a file to write, and makes it if there is none.
func (g *grants) openWrite(path string) (*os.File, error) {
	if g == nil {
		return os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NONBLOCK, 0o644)
	}
	if err := g.canWrite(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(realPath(path), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o644)
	if err != nil {
		return nil, err
	}
	if err := g.permitWrite(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
