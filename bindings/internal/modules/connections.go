package modules

import (
	"context"
	"maps"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// newOutputs makes the policy's outputs, by name. One that is optional and not connected is nil.
func (x *session) newOutputs() *lua.LTable {
	outputs := &vm.ReadOnly{
		Kind: "s.outputs", Names: slices.Sorted(maps.Keys(x.s.Policy().Outputs)), Values: x.L.NewTable(),
		Hint: "outputs in the policy declares an output, --output connects it",
	}
	for _, name := range outputs.Names {
		o := x.s.Output(name)
		if o == nil {
			continue
		}
		outputs.Values.RawSetString(name, x.object("output", nil, map[string]vm.Builtin{
			"on": x.powerMethod(o.On), "off": x.powerMethod(o.Off),
			"pulse": func(c *vm.Args) ([]lua.LValue, error) {
				d, err := luaoption.Duration(c.Any(1, "duration"))
				if err != nil {
					c.Fail("argument 1 %v", err)
				}
				return nil, o.Pulse(c.Ctx, d)
			},
		}, nil))
	}
	return x.Record(outputs)
}

// newConsoles makes the consoles of the board besides the first one, by name.
func (x *session) newConsoles() *lua.LTable {
	consoles := &vm.ReadOnly{
		Kind: "s.consoles", Names: slices.Sorted(maps.Keys(x.s.Policy().Consoles)), Values: x.L.NewTable(),
		Hint: "consoles in the policy declares a console, --console connects it",
	}
	for _, name := range consoles.Names {
		get := func(ctx context.Context) (*console.Console, error) { return x.s.SecondConsole(ctx, name) }
		methods := consoleMethods(get, func(context.Context) error { return x.s.BeforeCommand() })
		for method, f := range methods {
			methods[method] = func(c *vm.Args) ([]lua.LValue, error) {
				results, err := f(c)
				return results, classify.Wrap(err, "", "console %s", name)
			}
		}
		consoles.Values.RawSetString(name, x.object("console", nil, methods, nil))
	}
	return x.Record(consoles)
}
