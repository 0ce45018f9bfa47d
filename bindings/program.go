package bindings

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/modules"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// Program is a script that returns a function, which opens consoles, images and power drivers itself. Safe for
// concurrent use: each Run has a Lua state of its own.
type Program struct {
	Name   string
	script engine.Script
	dir    string // directory of the script on the station; "" if it is not a file there
	start  func(ctx context.Context, run *engine.Program, args []string) error
}

// Run runs the program with its arguments, and returns the report of the run, never nil. In addition to what the
// job's Access allows, the program may read the directory of the script, and the files and directories that the
// arguments name.
func (p *Program) Run(ctx context.Context, e engine.Engine, j engine.ProgramJob, args ...string) *engine.Report {
	j.Name, j.Script, j.Args = p.Name, p.script, args
	j.Access.Read = slices.Concat(j.Access.Read, p.dirs(), named(args))
	return e.RunProgram(ctx, j, func(ctx context.Context, run *engine.Program) error { return p.start(ctx, run, args) })
}

// dirs returns the directory of the script, if it is a file of the station.
func (p *Program) dirs() []string {
	if p.dir == "" {
		return nil
	}
	return []string{p.dir}
}

// newProgram makes a program of a script's function in this state.
func (h *host) newProgram(name string, f *lua.LFunction, src source) *Program {
	return &Program{name, src.script(), h.finder.stationDir(), func(ctx context.Context, run *engine.Program, args []string) error {
		defer h.phase.RunProgram(run)()
		results, err := h.Call(ctx, f, modules.Arguments(h.State, args))
		if err != nil || len(results) == 0 || results[0] == lua.LNil {
			return err
		}
		v, err := modules.JSONValue(ctx, h.State, results[0])
		if err != nil {
			return classify.WithHint(classify.Wrap(err, classify.ScriptResult, "what the program returned cannot be part of the verdict: it is no JSON"),
				"return a table of texts, numbers, booleans and such tables, or nothing")
		}
		return run.Return(v)
	}}
}

// named returns the paths that a program's arguments name: each argument whose directory exists, and the socket of
// a port or a power driver. The file need not exist, so that a missing image is reported as missing.
func named(args []string) (paths []string) {
	for _, a := range args {
		if scheme, path, _ := strings.Cut(a, ":"); scheme == "unix" || scheme == "qmp" {
			a = path
		}
		folder, _ := filepath.Split(a) // not cleaned: the kernel refuses ".." after a directory that does not exist
		if st, err := os.Stat(cmp.Or(folder, ".")); err == nil && st.IsDir() {
			paths = append(paths, a)
		}
	}
	return paths
}
