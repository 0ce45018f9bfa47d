package modules

import (
	"maps"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify/suggest"
)

// Globals are the global names of a Lua state. Reading or writing another name is an error. A module of flashlua
// is made when a script first uses it. The state's goroutine owns them.
type Globals struct {
	table *lua.LTable
	lazy  map[string]func() lua.LValue // not made yet, by name
}

func newGlobals(s *vm.State) *Globals {
	return &Globals{table: s.L.Get(lua.GlobalsIndex).(*lua.LTable), lazy: map[string]func() lua.LValue{}}
}

// resolve makes a global that is made on first use. It returns nil if there is none of that name.
func (g *Globals) resolve(name string) lua.LValue {
	make := g.lazy[name]
	if make == nil {
		return nil
	}
	v := make()
	g.table.RawSetString(name, v)
	return v
}

// Names returns the names that every script finds, sorted.
func (g *Globals) Names() []string {
	all := slices.Collect(maps.Keys(g.lazy))
	g.table.ForEach(func(k, _ lua.LValue) {
		if !lua51.IsHidden(k.String()) {
			all = append(all, k.String())
		}
	})
	slices.Sort(all)
	return slices.Compact(all)
}

// Members returns the names in a module, sorted, and nil if there is no such module.
func (g *Globals) Members(name string) []string {
	v := g.table.RawGetString(name)
	if v == lua.LNil {
		if v = g.resolve(name); v == nil {
			return nil
		}
	}
	t, ok := vm.TableIn(v)
	if !ok || name == "_G" {
		return nil
	}
	var all []string
	t.ForEach(func(k, _ lua.LValue) { all = append(all, k.String()) })
	slices.Sort(all)
	return all
}

// seal makes reading and writing an undeclared name an error, unless it is to be nil.
func (g *Globals) seal(s *vm.State, nilForUndeclared bool) {
	meta := s.L.NewTable()
	refuse := func(format string) lua.LValue {
		return s.L.NewFunction(func(L *lua.LState) int {
			key := L.Get(2).String()
			if v := g.resolve(key); v != nil && L.GetTop() == 2 {
				L.Push(v)
				return 1
			}
			if nilForUndeclared {
				return 0
			}
			L.RaiseError(format, key, suggest.Nearest(key, g.Names()))
			return 0
		})
	}
	meta.RawSetString("__index", refuse("undeclared global %q%s"))
	meta.RawSetString("__newindex", refuse("assignment to the undeclared global %q; declare it with local%.0s"))
	meta.RawSetString("__metatable", lua.LString("sealed"))
	g.table.Metatable = meta
}
