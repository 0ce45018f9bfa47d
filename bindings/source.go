package bindings

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/input"
	"github.com/flashlua/flashlua/scripts"
)

// source is a script before it is loaded, and where its modules are.
type source struct {
	name     string
	text     []byte
	embedded bool // it comes with flashlua
	lab      bool // it must be a lab file

	// Modules are files of fsys, or else of the station, below dir. If both are empty, only those that come with
	// flashlua exist.
	fsys fs.FS
	dir  string

	library *library // what was compiled already; nil is nothing
	again   bool     // a state of it was loaded before
}

// script returns what a report says of the source.
func (s source) script() engine.Script {
	return engine.Script{Path: s.name, SHA256: fmt.Sprintf("%x", sha256.Sum256(s.text))}
}

// readSource reads a script that comes with flashlua, or a file: of o.FS, or else of the station.
func readSource(spec string, o Options) (source, error) {
	if spec == "" {
		return source{}, classify.New(classify.Usage, "the script has no name")
	}
	if !strings.ContainsAny(spec, "/"+string(filepath.Separator)) && filepath.Ext(spec) != ".lua" {
		if text, err := scripts.FS.ReadFile("boards/" + spec + ".lua"); err == nil {
			return source{name: "boards/" + spec + ".lua", text: text, embedded: true}, nil
		}
	}
	if o.FS != nil {
		text, err := readFS(o.FS, spec, lua51.MaxSource)
		return source{name: spec, text: text, fsys: o.FS, dir: path.Dir(spec)}, sourceError(err, spec)
	}
	st, err := os.Stat(spec)
	switch {
	case err == nil && !st.Mode().IsRegular():
		err = input.ErrNotRegular
	case err == nil && st.Size() > lua51.MaxSource:
		return source{}, errTooLong(spec, st.Size())
	}
	var text []byte
	if err == nil {
		text, err = readScript(spec, o.open)
	}
	return source{name: spec, text: text, dir: filepath.Dir(spec)}, sourceError(err, spec)
}

// textSource returns a script that a program has as a text. Its modules are files of o.FS.
func textSource(name, text string, o Options) (source, error) {
	if name == "" {
		return source{}, classify.New(classify.Usage, "the script has no name")
	}
	if len(text) > lua51.MaxSource {
		return source{}, errTooLong(name, int64(len(text)))
	}
	s := source{name: name, text: []byte(text), fsys: o.FS}
	if s.fsys != nil {
		s.dir = "."
	}
	return s, nil
}

func errTooLong(spec string, size int64) error {
	return classify.New(classify.ScriptLimit, "%s has %d bytes, a script may have %d", spec, size, lua51.MaxSource)
}

// sourceError is the error of a script that cannot be read, nil if err is nil.
func sourceError(err error, spec string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return classify.WithHint(classify.Wrap(err, classify.Usage, "there is no script or board %q", spec),
			"name a file, or one of the boards %s%s", strings.Join(Boards(), ", "), suggest.Nearest(spec, Boards()))
	}
	return classify.Wrap(err, classify.Usage, "cannot read the script %s", spec)
}

// readScript returns the text of a script; open is nil where any file may be read.
func readScript(path string, open func(path string) (*os.File, error)) ([]byte, error) {
	if open == nil {
		open = input.Open
	}
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return input.ReadAll(f, lua51.MaxSource)
}

// readFS returns the text of a regular file of a file system, which may have at most limit bytes.
func readFS(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = input.ErrNotRegular
	}
	if err != nil {
		return nil, err
	}
	return input.ReadAll(f, limit)
}

// readModule returns the source of a module, name as require takes it with slashes for dots, and whether it
// comes with flashlua. A module of a script on the station must lie below the script's directory, whatever symbolic
// links say.
func (f *finder) readModule(file string) (text []byte, embedded bool, err error) {
	if text, err = scripts.FS.ReadFile(file); err == nil {
		return text, true, nil
	}
	switch {
	case f.fsys != nil:
		text, err = readFS(f.fsys, path.Join(f.dir, file), lua51.MaxSource)
	case f.dir != "":
		text, err = readBelow(f.dir, file, lua51.MaxSource+1) // the compiler refuses a longer one
	default:
		return nil, false, fmt.Errorf("it does not come with flashlua")
	}
	if err != nil && !errors.Is(err, input.ErrNotRegular) {
		err = fmt.Errorf("it neither comes with flashlua nor lies in the script's folder: %w", err)
	}
	return text, false, err
}

// readBelow returns the text of a regular file in a directory of the station, which may have at most limit bytes.
func readBelow(dir, file string, limit int64) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if st, err := root.Stat(file); err != nil || !st.Mode().IsRegular() {
		return nil, cmp.Or(err, input.ErrNotRegular)
	}
	f, err := root.OpenFile(file, os.O_RDONLY|unix.O_NONBLOCK, 0) // it may be a FIFO by now
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := input.Regular(f); err != nil {
		return nil, err
	}
	return input.ReadAll(f, limit)
}
