package modules

import (
	"context"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine"
)

func init() {
	register("power", func(c Config) map[string]vm.Builtin { return powerModule{c.Phase, c.Allow}.functions() }, "open")
}

// powerModule is the Lua module power.
type powerModule struct {
	phase *Phase
	allow grants
}

func (m powerModule) functions() map[string]vm.Builtin {
	return map[string]vm.Builtin{"open": m.openPower}
}

// powerOptions are the pause of a power cycle, and the power state after the program; a state that is not given
// is off.
type powerOptions struct {
	OffTime time.Duration     `lua:"off_time,pause"`
	Success engine.PowerState `lua:"success"`
	Failure engine.PowerState `lua:"failure"`
	Cancel  engine.PowerState `lua:"cancel"`
}

var powerOpenOptions = option.Declare[powerOptions](2, "power.open")

// openPower is power.open(driver, [options]).
func (m powerModule) openPower(c *vm.Args) ([]lua.LValue, error) {
	p, err := m.phase.requireProgram(c)
	if err != nil {
		return nil, err
	}
	spec := c.Str(1, "driver")
	o := powerOptions{OffTime: engine.DefaultOffTime, Success: engine.PowerOff, Failure: engine.PowerOff, Cancel: engine.PowerOff}
	luaoption.Read(c, powerOpenOptions, &o)
	if err := m.allow.checkExec(spec); err != nil {
		return nil, err
	}
	x, err := p.Power(c.Ctx, spec, engine.PowerAfter{Success: o.Success, Failure: o.Failure, Cancel: o.Cancel}, o.OffTime)
	if err != nil {
		return nil, err
	}
	do := func(f func(context.Context) error) vm.Builtin {
		return func(c *vm.Args) ([]lua.LValue, error) { return nil, f(c.Ctx) }
	}
	return vm.Ret(newObject(c.State, "power", map[string]vm.Builtin{"on": do(x.On), "off": do(x.Off), "cycle": do(x.Cycle)}, nil))
}
