package bindings

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/engine"
)

// Program is a script that returns a function: it works with the modules itself. Safe for concurrent use: each Run has a Lua
// state of its own.
type Program struct {
	Name  string
	dir   string // of the script on the station; "" for one that is no file there
	start func(ctx context.Context, run *engine.Program, args []string) error
}

// Run runs the program with its arguments. Besides what the job's Access allows, it may read what lies in the folder of the
// script, and the files and folders that the arguments name.
func (p *Program) Run(ctx context.Context, e engine.Engine, j engine.ProgramJob, args ...string) *engine.Report {
	j.Name = p.Name
	j.Access.Read = slices.Concat(j.Access.Read, p.dirs(), named(args))
	return e.RunProgram(ctx, j, func(ctx context.Context, run *engine.Program) error { return p.start(ctx, run, args) })
}

// dirs returns the folder of the script, if it is a file of the station.
func (p *Program) dirs() []string {
	if p.dir == "" {
		return nil
	}
	return []string{p.dir}
}

// newProgram makes the program that f is, in this state.
func (h *host) newProgram(name string, f *lua.LFunction) *Program {
	return &Program{name, h.modules.stationDir(), func(ctx context.Context, run *engine.Program, args []string) error {
		h.program, h.clk = run, run.Clock()
		defer func() { h.program = nil }()
		_, err := h.Call(ctx, f, argumentList(h.State, args))
		return err
	}}
}

// named are the paths that a program's arguments name: an argument, and the socket of a port or a power driver. The folder
// of a path must be there, so that an image which is missing is said to be missing.
func named(args []string) (paths []string) {
	for _, a := range args {
		if scheme, path, _ := strings.Cut(a, ":"); scheme == "unix" || scheme == "qmp" {
			a = path
		}
		folder, _ := filepath.Split(a) // as it is: the kernel does not take ".." of a folder that is not there
		if st, err := os.Stat(cmp.Or(folder, ".")); err == nil && st.IsDir() {
			paths = append(paths, a)
		}
	}
	return paths
}
