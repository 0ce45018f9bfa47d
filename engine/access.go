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

// Access lists the files of the station that a program may use. The zero value allows none. Block devices may
// always be written, as flashlua write does. Plain data: safe for concurrent use while nothing changes it.
//
// Links in the listed paths are resolved when the program begins, and links in a used path at each use: a link in
// an allowed directory that leads out of it is refused.
type Access struct {
	// Read lists files, and directories with all their content, that may be read. A listed image includes its block
	// maps. A listed socket may be connected to.
	Read []string
	// Write lists files and directories that may be read, written and created. Sockets in them may be connected to.
	Write []string
}

// grants is an Access as absolute paths without links. Nil grants allow everything: they are those outside of a
// program.
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

// realNames returns the real path of a directory, or those of a file and of its block maps.
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

// canRead returns an error unless the file at path may be read. Links in path are resolved.
func (g *grants) canRead(path string) error {
	if real := realPath(path); g != nil && !within(g.read, real) && !within(g.write, real) {
		return denied("read", path, real, "allow it with --allow-read %s, or name it after --", real)
	}
	return nil
}

// canWrite returns an error unless the file at path may be written or created.
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

// permitRead returns an error unless an open file may be read. The kernel says where the file is: the path by
// which it was opened may have changed.
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
		return classify.Wrap(err, classify.ScriptGrant, "the path of the open file %s is not known", f.Name())
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

// open opens a file for reading. It does not wait for the other end of a FIFO.
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

// openWrite opens a file for writing, and creates it if it does not exist.
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
