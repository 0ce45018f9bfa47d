package bindings

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"runtime/debug"
	"slices"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// registry are flashlua's modules, which scripts find as globals. Each is registered by its own file.
var registry = map[string]func(h *host) map[string]vm.Builtin{}

func register(name string, open func(h *host) map[string]vm.Builtin) { registry[name] = open }

// Module is a Lua module of the embedder: its functions by name. Names are Lua identifiers; the name of
// the module is none that scripts find already. Load and Check refuse other names, and a nil function, with an
// error of kind usage.
//
// Arguments are nil, bool, float64, string, []any for a list, and map[string]any for any other table. Results
// may be: bool, numbers, strings, []byte, errors (error objects in Lua), time.Duration ("1m30s" in Lua), types
// with a MarshalText method, and slices, maps with string keys, structs (by the JSON names of their fields) and
// pointers of those; nil is nil. A result of another type, or an integer that a float64 does not hold exactly,
// ends the run with an error of kind internal that names the function, the position of the result and its Go
// type. So does a panic. The error that a function returns is raised as an error object, and is the same error
// again in the report.
//
// Runs that are under way at the same time call its functions concurrently; within a run, one goroutine
// does. A script that is run again calls them again while it loads.
type Module map[string]func(ctx context.Context, args []any) ([]any, error)

// identifier is a Lua name, if it is no keyword.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// keywords are Lua's, with goto, which the interpreter takes from Lua 5.2.
var keywords = []string{
	"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil", "not", "or",
	"repeat", "return", "then", "true", "until", "while",
}

// takenNames are the globals that every script finds.
var takenNames = sync.OnceValue(func() []string { return newHost(source{}, Options{}).globals.names() })

// checkModules returns an error for modules that scripts could not use.
func checkModules(modules map[string]Module) error {
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		switch {
		case !isIdentifier(name):
			return classify.New(classify.Usage, "module %q: the name is not a Lua identifier", name)
		case slices.Contains(takenNames(), name):
			return classify.New(classify.Usage, "module %q: the name is taken, scripts find another value by it", name)
		}
		for _, f := range slices.Sorted(maps.Keys(modules[name])) {
			switch {
			case !isIdentifier(f):
				return classify.New(classify.Usage, "module %q: the name of function %q is not a Lua identifier", name, f)
			case modules[name][f] == nil:
				return classify.New(classify.Usage, "module %q: function %q is nil", name, f)
			}
		}
	}
	return nil
}

func isIdentifier(name string) bool {
	return identifier.MatchString(name) && !slices.Contains(keywords, name)
}

// openModules registers every module; each is made when a script first uses it, because most scripts need few.
func (h *host) openModules() {
	for name, open := range registry {
		h.globals.lazy[name] = func() lua.LValue { return newModule(h.State, name, open(h)) }
	}
	for name, functions := range h.extraModules {
		h.globals.lazy[name] = func() lua.LValue { return newModule(h.State, name, wrapModule(functions)) }
	}
}

// wrapModule makes builtins of an embedder's functions.
func wrapModule(m Module) map[string]vm.Builtin {
	all := map[string]vm.Builtin{}
	for name, f := range m {
		all[name] = func(c *vm.Args) ([]lua.LValue, error) {
			var in []any
			for i, v := range c.Rest(1) {
				x, err := goValue(c, v)
				if err != nil {
					c.Fail("argument %d: %v", i+1, err)
				}
				in = append(in, x)
			}
			out, err := callEmbedder(c, f, in)
			if err != nil {
				return nil, err
			}
			results := make([]lua.LValue, len(out))
			for i, x := range out {
				if results[i], err = luaValue(c.State, x); err != nil {
					return nil, embedderBug(c, fmt.Sprintf("%s: result %d: %v", c.Name, i+1, err), "")
				}
			}
			return results, nil
		}
	}
	return all
}

// callEmbedder calls an embedder's function. A panic in it is an error.
func callEmbedder(c *vm.Args, f func(context.Context, []any) ([]any, error), in []any) (out []any, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = embedderBug(c, fmt.Sprintf("panic in %s: %v", c.Name, v), string(debug.Stack()))
		}
	}()
	return f(c.Ctx, in)
}

// embedderBug returns the error of a bug in an embedder's function. The script cannot catch it, nor go on.
func embedderBug(c *vm.Args, msg, detail string) error {
	return c.State.Poison(&classify.Error{
		Kind: classify.Internal, Msg: msg, Detail: detail,
		Hint: "the function belongs to the program that embeds flashlua; report this to its authors",
	})
}

// requireProgram returns the running program, and an error while a script loads and in a board's policy, where
// there is none.
func (h *host) requireProgram(c *vm.Args) (*engine.Program, error) {
	if h.program == nil {
		return nil, classify.WithHint(classify.New(classify.ScriptPhase, "%s: nothing may be touched here", c.Name),
			"a program does that in its function, `return function(args) … end`; a board's policy works with the session that its flash is called with")
	}
	return h.program, nil
}
