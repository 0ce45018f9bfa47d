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

type fastbootOptions struct {
	Timeout time.Duration `lua:"timeout"` // of the connection and of each answer
}

var hostFastbootOptions = option.Declare[fastbootOptions](2, "host.fastboot")

// fastboot is host.fastboot(address, [options]).
func (m hostModule) fastboot(c *vm.Args) ([]lua.LValue, error) {
	address := c.Str(1, "address")
	var o fastbootOptions
	luaoption.Read(c, hostFastbootOptions, &o)
	if _, err := m.phase.requireClock(c); err != nil {
		return nil, err
	}
	open := m.phase.session.Fastboot
	live := m.phase.session.CheckActive
	if p := m.phase.program; p != nil {
		open, live = p.Fastboot, func() error { return nil }
	}
	f, err := open(c.Ctx, address, o.Timeout)
	if err != nil {
		return nil, err
	}
	command := func(name string, argument string) vm.Builtin {
		return func(c *vm.Args) ([]lua.LValue, error) {
			cmd := name
			if argument != "" {
				cmd += c.Str(1, argument)
			}
			text, err := f.Command(c.Ctx, cmd)
			return []lua.LValue{lua.LString(text)}, err
		}
	}
	return vm.Ret(newHandle(c.State, "fastboot", func(context.Context) error { return live() }, map[string]vm.Builtin{
		"getvar": func(c *vm.Args) ([]lua.LValue, error) {
			v, err := f.Getvar(c.Ctx, c.Str(1, "variable"))
			if v == "" {
				return []lua.LValue{lua.LNil}, err
			}
			return []lua.LValue{lua.LString(v)}, err
		},
		"flash": func(c *vm.Args) ([]lua.LValue, error) {
			partition := c.Str(1, "partition")
			im, err := m.fastbootImage(c)
			if err != nil {
				return nil, err
			}
			return nil, f.Flash(c.Ctx, partition, im)
		},
		"erase":    command("erase:", "partition"),
		"oem":      command("oem ", "command"),
		"reboot":   command("reboot", ""),
		"continue": command("continue", ""),
	}, nil))
}

// fastbootImage returns argument 2 of flash: in a policy the job or a file, in a program an image of image.open.
func (m hostModule) fastbootImage(c *vm.Args) (engine.Image, error) {
	v := c.Opt(2)
	if m.phase.program == nil {
		switch v := v.(type) {
		case lua.LString:
			return m.phase.session.FastbootImage(c.Ctx, string(v))
		case *lua.LTable:
			return m.phase.session.FastbootImage(c.Ctx, "")
		}
		c.Fail("argument 2 must be the job that flash was given, or the name of a file, not a %s", v.Type())
	}
	ud, _ := v.(*lua.LUserData)
	if ud != nil {
		if im, ok := ud.Value.(engine.Image); ok {
			return im, nil
		}
	}
	c.Fail("argument 2 must be an image that image.open returned, not a %s", v.Type())
	return nil, nil
}
