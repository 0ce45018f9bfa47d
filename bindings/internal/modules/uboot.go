package modules

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/policy"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine/uboot"
)

func init() {
	register("uboot", func(c Config) map[string]vm.Builtin { return ubootModule{c.Phase, c.Reader, c.Output}.functions() }, "stop")
}

var ubootStopOptions = policy.DeclareUBoot(2, "uboot.stop")

// ubootModule is the Lua module uboot.
type ubootModule struct {
	phase  *Phase
	reader policy.Reader
	output *Output
}

func (m ubootModule) functions() map[string]vm.Builtin {
	return map[string]vm.Builtin{"stop": m.stopUBoot}
}

// stopUBoot is uboot.stop(console, [options]); the options are the keys of a policy's uboot.
func (m ubootModule) stopUBoot(c *vm.Args) ([]lua.LValue, error) {
	if _, err := m.phase.requireProgram(c); err != nil {
		return nil, err
	}
	con := consoleArg(c, 1)
	config := ubootStopOptions.Read(m.reader, c)
	ub, err := uboot.Interrupt(c.Ctx, con, config, uboot.AnyState, m.output.Say)
	if err != nil {
		return nil, err
	}
	methods := ubootMethods(ub, func() error { return nil })
	methods["dhcp"] = func(c *vm.Args) ([]lua.LValue, error) {
		address, err := ub.DHCP(c.Ctx)
		return []lua.LValue{lua.LString(address)}, err
	}
	methods["load"] = func(c *vm.Args) ([]lua.LValue, error) {
		address, size := c.Int(3, "address", -1), c.Int(4, "size", -1)
		if address < 0 || size < 0 {
			c.Fail("it takes the server, the file's name there, an address and the size in bytes")
		}
		return nil, ub.Load(c.Ctx, c.Str(1, "server"), c.Str(2, "name"), uint64(address), int64(size), 1)
	}
	methods["boot"] = func(c *vm.Args) ([]lua.LValue, error) { // the program logs in with shell.login
		_, err := ub.Boot(c.Ctx, c.Str(1, "boot command"), "")
		return nil, err
	}
	return vm.Ret(newHandle(c.State, "uboot", ub.Live, methods, nil))
}

// ubootMethods returns the methods of U-Boot in policies and programs. touch is called before a script's own
// command, and its error refuses it.
func ubootMethods(ub *uboot.UBoot, touch func() error) map[string]vm.Builtin {
	return map[string]vm.Builtin{
		"run":  runner(ub.Run, touch),
		"exec": executer(ub.Exec, touch),
		"hold": hold(ub, touch),
		"env": func(c *vm.Args) ([]lua.LValue, error) {
			v, err := ub.Env(c.Ctx, c.Str(1, "variable"))
			if v == "" {
				return []lua.LValue{lua.LNil}, err
			}
			return []lua.LValue{lua.LString(v)}, err
		},
		"setenv": func(c *vm.Args) ([]lua.LValue, error) {
			return nil, ub.SetEnv(c.Ctx, c.Str(1, "variable"), c.Str(2, "value"))
		},
	}
}
