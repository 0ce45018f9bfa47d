package linux

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// shell is one shell: an interpreter that sees nothing but the board.
type shell struct {
	*system
	name string // of the shell
	said string // what its messages begin with: within eval also "eval: "
	zero string // $0
	pid  int
	err  io.Writer
	run  *interp.Runner
}

// hidden stands before the names under which the interpreter's built-in commands are ours.
const hidden = "\x01"

// nowhere is a path that no host has, not even by chance: system calls refuse it.
const nowhere = "/\x00"

// streams are a shell's three files. in is nil for the terminal.
type streams struct {
	in       *os.File
	out, err io.Writer
}

// newShell makes a shell. env is the exported environment, as lines NAME=VALUE.
func (s *system) newShell(name, zero, dir string, env []string, std streams, params []string) *shell {
	sh := &shell{system: s, name: name, said: name, zero: zero, pid: s.pid(), err: std.err}
	e := &environ{Environ: expand.ListEnviron(env...)}
	var in io.Reader
	if std.in != nil {
		in = std.in
	}
	r, err := interp.New(
		interp.Env(e),
		func(r *interp.Runner) error { r.Dir = dir; return nil }, // interp.Dir asks the host
		func(r *interp.Runner) error { r.Params = params; return nil },
		interp.StdIO(in, std.out, std.err),
		interp.CallHandler(sh.call),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return sh.exec }),
		interp.OpenHandler(sh.open),
		interp.ReadDirHandler2(sh.readDir),
		interp.StatHandler(sh.stat),
		interp.AccessHandler(sh.access),
	)
	must(err)
	r.Reset()
	e.ready = true
	sh.run = r
	return sh
}

// environ is what a shell starts with. It has the values that the interpreter would otherwise ask the host for.
type environ struct {
	expand.Environ
	ready bool
}

func (e *environ) Get(name string) expand.Variable {
	if user, ok := strings.CutPrefix(name, "HOME "); ok { // of ~user
		return expand.Variable{Set: true, Kind: expand.String, Str: map[bool]string{true: homeDir, false: "~" + user}[user == "root"]}
	}
	switch name {
	case "TMPDIR":
		if !e.ready { // files of this directory open on the host
			return expand.Variable{Set: true, Kind: expand.String, Str: nowhere}
		}
	case "UID", "EUID", "GID":
		return expand.Variable{Set: true, Kind: expand.String, Str: "0"}
	}
	return e.Environ.Get(name)
}

// environment is that of a login.
func environment() []string {
	return []string{"HOME=" + homeDir, "PATH=" + searchDir, "USER=root", "LOGNAME=root", "SHELL=/bin/sh", "TERM=vt100"}
}

// exported returns the variables that a program inherits.
func exported(env expand.Environ) []string {
	values := map[string]string{}
	for name, v := range env.Each {
		delete(values, name)
		if v.Exported && v.Kind == expand.String && v.IsSet() {
			values[name] = v.Str
		}
	}
	list := make([]string, 0, len(values))
	for name, v := range values {
		list = append(list, name+"="+v)
	}
	slices.Sort(list)
	return list
}

// statements runs what was parsed, and reports the exit code and whether the shell was left.
func (sh *shell) statements(ctx context.Context, f *syntax.File) (code int, left bool) {
	sh.said = sh.name
	for _, st := range f.Stmts {
		err := sh.run.Run(ctx, st)
		if ctx.Err() != nil {
			return 128 + int(syscall.SIGINT), false
		}
		code = status(err)
		if sh.run.Exited() {
			return code, true
		}
	}
	return code, false
}

// script runs a whole script and returns its exit code.
func (sh *shell) script(ctx context.Context, text string) int {
	f, _, err := sh.parse(text)
	if err != nil {
		io.WriteString(sh.err, sh.name+": "+err.Error()+"\n")
		return 2
	}
	err = sh.run.Run(ctx, f)
	return status(err)
}

func status(err error) int {
	var code interp.ExitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	return 128 + int(syscall.SIGINT)
}

// absolute returns the path that a name means in a directory.
func absolute(dir, name string) string {
	if name == "" || strings.HasPrefix(name, "/") {
		return name
	}
	return dir + "/" + name // not cleaned: .. goes up from where a link leads
}

func (sh *shell) open(ctx context.Context, name string, flags int, mode fs.FileMode) (io.ReadWriteCloser, error) {
	hc := interp.HandlerCtx(ctx)
	f, err := sh.files.open(absolute(hc.Dir, name), flags, mode)
	if err != nil {
		return nil, sh.cannot(name, flags, err)
	}
	if f.n.mode.IsDir() {
		return nil, sh.cannot(name, flags, syscall.EISDIR)
	}
	return f, nil
}

// cannot is the error that the interpreter prints as it is.
func (sh *shell) cannot(name string, flags int, err error) error {
	verb, text := "can't open", strerror(err)
	if flags&os.O_CREATE != 0 {
		verb = "can't create"
	}
	if err == syscall.ENOENT {
		text = map[string]string{"can't open": "no such file", "can't create": "nonexistent directory"}[verb]
	}
	return &fs.PathError{Op: sh.said + ": " + verb, Path: name, Err: errors.New(text)}
}

func (sh *shell) readDir(_ context.Context, dir string) ([]fs.DirEntry, error) {
	names, err := sh.files.names(dir)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	list := make([]fs.DirEntry, 0, len(names))
	for _, name := range names {
		if i, err := sh.files.stat(dir+"/"+name, false); err == nil {
			list = append(list, fs.FileInfoToDirEntry(i))
		}
	}
	return list, nil
}

func (sh *shell) stat(_ context.Context, name string, follow bool) (fs.FileInfo, error) {
	i, err := sh.files.stat(name, follow)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return i, nil
}

// access is root's: everything may be read and written, and run if it is executable.
func (sh *shell) access(_ context.Context, name string, mode interp.AccessMode) error {
	i, err := sh.files.stat(name, true)
	if err != nil {
		return err
	}
	if mode&interp.AccessExec != 0 && !i.IsDir() && i.mode&0o111 == 0 {
		return syscall.EACCES
	}
	return nil
}

// lookup finds the program of a name as a shell does.
func (s *system) lookup(dir string, env expand.Environ, name string) (string, error) {
	if strings.Contains(name, "/") {
		p := absolute(dir, name)
		return p, s.executable(p)
	}
	for _, in := range strings.Split(env.Get("PATH").String(), ":") {
		p := path.Join(absolute(dir, in), name)
		if s.executable(p) == nil {
			return p, nil
		}
	}
	return "", syscall.ENOENT
}

func (s *system) executable(p string) error {
	i, err := s.files.stat(p, true)
	switch {
	case err != nil:
		return err
	case i.IsDir() || i.mode&0o111 == 0:
		return syscall.EACCES
	}
	return nil
}
