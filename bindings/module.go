package bindings

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"sync"

	"github.com/flashlua/flashlua/classify"
)

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
var takenNames = sync.OnceValue(func() []string { return newHost(source{}, Options{}).globals.Names() })

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
