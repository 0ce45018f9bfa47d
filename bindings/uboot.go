package bindings

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/engine/uboot"
)

func init() {
	register("uboot", (*host).ubootModule)
	declareSection(2, "uboot.stop", func(d *decoder, s *section) { d.uboot(s) })
}

func (h *host) ubootModule() map[string]builtin { return map[string]builtin{"stop": h.stopUBoot} }

// stopUBoot is uboot.stop(console, { … }), with the keys of a policy's uboot.
func (h *host) stopUBoot(c *args) ([]lua.LValue, error) {
	if _, err := h.requireProgram(c); err != nil {
		return nil, err
	}
	con := c.consoleArg(1)
	s := h.section(c, 2, "uboot")
	ub, err := uboot.Interrupt(c.ctx, con, s.decoder.uboot(s), uboot.AnyState)
	if err != nil {
		return nil, err
	}
	methods := h.ubootMethods(ub, func() error { return nil })
	methods["dhcp"] = func(c *args) ([]lua.LValue, error) {
		address, err := ub.DHCP(c.ctx)
		return []lua.LValue{lua.LString(address)}, err
	}
	methods["load"] = func(c *args) ([]lua.LValue, error) {
		address, size := c.intDefault(3, "address", -1), c.intDefault(4, "size", -1)
		if address < 0 || size < 0 {
			c.fail("it takes the server, the file's name there, an address and the size in bytes")
		}
		return nil, ub.Load(c.ctx, c.str(1, "server"), c.str(2, "name"), uint64(address), int64(size), 1)
	}
	methods["boot"] = func(c *args) ([]lua.LValue, error) { // shell.login goes on from there
		_, err := ub.Boot(c.ctx, c.str(1, "boot command"))
		return nil, err
	}
	return ret(h.handle("uboot", ub.Live, methods, nil))
}

// ubootMethods are those that a policy's session and a program have. touch is asked before a script's own command.
func (h *host) ubootMethods(ub *uboot.UBoot, touch func() error) map[string]builtin {
	return map[string]builtin{
		"run":  h.runner(ub.Run, touch),
		"exec": h.executer(ub.Exec, touch),
		"env": func(c *args) ([]lua.LValue, error) {
			v, err := ub.Env(c.ctx, c.str(1, "variable"))
			if v == "" {
				return []lua.LValue{lua.LNil}, err
			}
			return []lua.LValue{lua.LString(v)}, err
		},
		"setenv": func(c *args) ([]lua.LValue, error) {
			return nil, ub.SetEnv(c.ctx, c.str(1, "variable"), c.str(2, "value"))
		},
	}
}
