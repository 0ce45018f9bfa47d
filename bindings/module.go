package bindings

import (
	"context"
	"maps"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// registry are the modules that scripts find as globals, each registered by its own file.
var registry = map[string]func(h *host) map[string]builtin{}

func register(name string, open func(h *host) map[string]builtin) { registry[name] = open }

// Module is a Lua module of an embedder's own: its functions by name. Arguments and results are nil, bool, float64, string,
// []any and map[string]any. An error is raised as an error object, and is the same error again in the report.
// Runs that are under way at the same time call its functions concurrently; within a run, one goroutine
// does. A script that is run again calls them again while it loads.
type Module map[string]func(ctx context.Context, args []any) ([]any, error)

// openModules makes every module when it is first asked for: most scripts need few.
func (h *host) openModules() {
	for name, open := range registry {
		h.lazyGlobals[name] = func() lua.LValue { return h.module(name, open(h)) }
	}
	for name, functions := range h.extraModules {
		h.lazyGlobals[name] = func() lua.LValue { return h.module(name, h.wrapModule(functions)) }
	}
}

// resolveGlobal gives a global that is made on first use.
func (h *host) resolveGlobal(globals *lua.LTable, name string) lua.LValue {
	make := h.lazyGlobals[name]
	if make == nil {
		return nil
	}
	v := make()
	globals.RawSetString(name, v)
	return v
}

// wrapModule makes builtins of an embedder's functions.
func (h *host) wrapModule(m Module) map[string]builtin {
	all := map[string]builtin{}
	for name, f := range m {
		all[name] = func(c *args) ([]lua.LValue, error) {
			var in []any
			for i, v := range c.rest(1) {
				x, err := goValue(c, v)
				if err != nil {
					c.fail("argument %d: %v", i+1, err)
				}
				in = append(in, x)
			}
			out, err := f(c.ctx, in)
			var results []lua.LValue
			for _, x := range out {
				results = append(results, h.luaValue(x))
			}
			return results, err
		}
	}
	return all
}

// module makes the table of a module.
func (h *host) module(name string, functions map[string]builtin) *lua.LTable {
	x := &closed{kind: name, known: slices.Collect(maps.Keys(functions)), data: h.L.NewTable()}
	for f, do := range functions {
		x.data.RawSetString(f, h.engineCall(name+"."+f, 0, do))
	}
	return h.record(x)
}

// program is the program under way. While a script loads, and in a board's policy, there is none.
func (h *host) requireProgram(c *args) (*engine.Program, error) {
	if h.program == nil {
		return nil, classify.WithHint(classify.New(classify.ScriptPhase, "%s: nothing may be touched here", c.name),
			"a program does that in its function, `return function(args) … end`; a board's policy works with the session that flash is given")
	}
	return h.program, nil
}
