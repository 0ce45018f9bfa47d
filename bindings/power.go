package bindings

import (
	"context"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/engine"
)

func init() { register("power", (*host).powerModule) }

func (h *host) powerModule() map[string]builtin { return map[string]builtin{"open": h.openPower} }

// openPower is power.open(spec, { off_time, success, failure, cancel }).
func (h *host) openPower(c *args) ([]lua.LValue, error) {
	p, err := h.requireProgram(c)
	if err != nil {
		return nil, err
	}
	spec := c.str(1, "driver")
	o := c.options(2)
	offTime := o.duration("off_time")
	if offTime == 0 {
		offTime = engine.DefaultOffTime
	}
	after := engine.PowerAfter{Success: o.powerState("success"), Failure: o.powerState("failure"), Cancel: o.powerState("cancel")}
	o.rejectUnknown()
	if err := h.checkExecAllowed(spec); err != nil {
		return nil, err
	}
	x, err := p.Power(c.ctx, spec, after, offTime)
	if err != nil {
		return nil, err
	}
	do := func(f func(context.Context) error) builtin {
		return func(c *args) ([]lua.LValue, error) { return nil, f(c.ctx) }
	}
	return ret(h.object("power", map[string]builtin{"on": do(x.On), "off": do(x.Off), "cycle": do(x.Cycle)}, nil))
}

// powerState reads an option that says what becomes of the power.
func (o *options) powerState(name string) engine.PowerState {
	switch s := engine.PowerState(o.text(name)); s {
	case "":
		return engine.PowerOff
	case engine.PowerOff, engine.PowerOn, engine.PowerKeep:
		return s
	default:
		o.c.fail(`option %s must be "on", "off" or "keep", not %q`, name, s)
		return ""
	}
}
