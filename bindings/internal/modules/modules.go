package modules

import (
	"context"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/bindings/internal/policy"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine"
)

// Config is what the modules of a Lua state need.
type Config struct {
	Reader  policy.Reader // of the state
	Phase   *Phase
	Output  *Output
	Boards  Boards
	Require vm.Builtin // Lua's require
	Data    DataFiles
	Allow   []string             // commands of the station that a script may run, by the name of their executable
	Extra   map[string]Functions // modules of the embedder, by the name of their global

	NilForUndeclared bool // an undeclared name is nil, and may be assigned to: for a check that reports it itself
}

// Boards reads the boards that flash.run is called with.
type Boards interface {
	// Load reads a board by its name, or by a path, as the script wrote it. The program must be allowed to read the
	// file. note is called with what the board's script prints.
	Load(p *engine.Program, note func(string), spec string, by Choice) (*engine.Policy, error)

	// Decode reads the table of a policy.
	Decode(ctx context.Context, t *lua.LTable, by Choice) (*engine.Policy, error)
}

// Choice is what a program changes of a board that it calls flash.run with.
type Choice struct {
	Variant string            // of the policy; "" is none
	Set     map[string]string // policy keys, as --set
}

// DataFiles reads data files that lie beside the script, or below its folder.
type DataFiles interface {
	// Read returns the content of a file. path is relative to the script's folder, with slashes.
	Read(path string) ([]byte, error)
}

// registry are flashlua's modules, which scripts find as globals. Each is registered by its own file.
var registry = map[string]func(Config) map[string]vm.Builtin{}

// register adds a module. The functions named in programOnly raise an error where no program runs.
func register(name string, open func(Config) map[string]vm.Builtin, programOnly ...string) {
	registry[name] = open
	for _, f := range programOnly {
		onlyPrograms[name+"."+f] = true
	}
}

// onlyPrograms are the functions that need a running program, by "module.function".
var onlyPrograms = map[string]bool{}

// ProgramOnly reports whether a function, "module.function", raises an error where no program runs.
func ProgramOnly(function string) bool { return onlyPrograms[function] }

// Open adds Lua's library and all modules to a new state, and seals its globals. Each module is made when a script
// first uses it, because most scripts need few.
func Open(c Config) *Globals {
	s := c.Reader.State
	g := newGlobals(s)
	lua51.Open(s)
	openErrors(s)
	s.L.SetGlobal("require", s.Function("require", 0, c.Require))
	s.L.SetGlobal("print", s.Function("print", 0, printer(c.Output, "")))
	for name, open := range registry {
		g.lazy[name] = func() lua.LValue { return newModule(s, name, open(c)) }
	}
	for name, functions := range c.Extra {
		g.lazy[name] = func() lua.LValue { return newModule(s, name, wrapModule(functions)) }
	}
	g.seal(s, c.NilForUndeclared)
	return g
}
