package modules

import (
	"context"
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// engineCall makes a function that calls the engine. It resets the count of the script's steps.
func engineCall(s *vm.State, name string, skip int, f vm.Builtin) *lua.LFunction {
	return s.Function(name, skip, func(c *vm.Args) ([]lua.LValue, error) {
		s.Watchdog.Renew()
		defer s.Watchdog.Renew()
		c.Ctx = console.WithCaller(c.Ctx, s.Line(c.L))
		return f(c)
	})
}

// newModule makes the table of a module.
func newModule(s *vm.State, name string, functions map[string]vm.Builtin) *lua.LTable {
	x := &vm.ReadOnly{Kind: name, Names: slices.Collect(maps.Keys(functions)), Values: s.L.NewTable()}
	for f, do := range functions {
		x.Values.RawSetString(f, engineCall(s, name+"."+f, 0, do))
	}
	return s.Record(x)
}

// newObject makes a Lua object with methods and fields.
func newObject(s *vm.State, kind string, methods map[string]vm.Builtin, fields map[string]lua.LValue) *lua.LUserData {
	x := &vm.ReadOnly{Kind: kind, Values: s.L.NewTable(), Names: slices.Concat(slices.Collect(maps.Keys(methods)), slices.Collect(maps.Keys(fields)))}
	for name, v := range fields {
		x.Values.RawSetString(name, v)
	}
	for name, f := range methods {
		x.Values.RawSetString(name, engineCall(s, kind+":"+name, 1, f))
	}
	ud := s.L.NewUserData()
	ud.Metatable = s.Metatable(x)
	return ud
}

// newHandle makes an object that ends before its script does: once live returns an error, every method returns it.
func newHandle(s *vm.State, kind string, live func(context.Context) error, methods map[string]vm.Builtin, fields map[string]lua.LValue) *lua.LUserData {
	guarded := map[string]vm.Builtin{}
	for name, f := range methods {
		guarded[name] = func(c *vm.Args) ([]lua.LValue, error) {
			if err := live(c.Ctx); err != nil {
				return nil, classify.Wrap(err, "", "%s", strings.TrimSpace(c.L.Where(1)+" "+c.Name))
			}
			return f(c)
		}
	}
	return newObject(s, kind, guarded, fields)
}
