package modules

import (
	"context"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
)

// stepOptions are those of s:step.
type stepOptions struct {
	Retries  int           `lua:"retries"`
	Timeout  time.Duration `lua:"timeout"`  // of each try
	Destroys string        `lua:"destroys"` // name of a target
	Aborts   console.Watch `lua:"aborts"`
}

// sequenceStep is a step that a board adds to the default sequence, with the options that it is run with.
type sequenceStep struct {
	Name     string         `lua:"name,required"`
	Run      *lua.LFunction `lua:"run,function,required"`
	Retries  int            `lua:"retries"`
	Timeout  time.Duration  `lua:"timeout"`
	Destroys bool           `lua:"destroys"`
	Aborts   console.Watch  `lua:"aborts"`
}

var (
	sessionStepOptions = option.Declare[stepOptions](2, "session:step")
	_                  = option.Declare[sequenceStep](2, "sequence:before", "sequence:after") // lib/sequence.lua reads them
)

// step is s:step(name, [options], function).
func (x *session) step(c *vm.Args) ([]lua.LValue, error) {
	name, at := c.Str(1, "step's name"), 2
	if _, ok := c.Opt(2).(*lua.LFunction); !ok {
		at = 3
	}
	f := c.Func(at, "step's function")
	if !c.None(at + 1) {
		c.Fail("options come before the function: s:step(name, { … }, function)")
	}
	var o stepOptions
	if at == 3 {
		luaoption.Read(c, sessionStepOptions, &o)
	}
	if targets := x.s.Policy().Targets; o.Destroys != "" && targets[o.Destroys].Name == "" {
		c.Fail("option destroys must be job.target, %q, or the name of another target of the policy, not %q", x.s.Target().Name, o.Destroys)
	}
	var results []lua.LValue
	err := x.s.Step(c.Ctx, name, engine.StepOptions{
		Retries: o.Retries, Timeout: o.Timeout, Destroys: o.Destroys, Watch: o.Aborts,
	}, func(ctx context.Context) (err error) {
		results, err = x.Call(ctx, f)
		return err
	})
	return results, err
}
