package modules

import (
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/uboot"
)

type umsOptions struct {
	USB        string        `lua:"usb"`        // where the disk appears, "1-1.2"
	Serial     string        `lua:"serial"`     // of the USB device
	Controller int           `lua:"controller"` // of the board
	Timeout    time.Duration `lua:"timeout"`    // for the disk to appear
	Target     string        `lua:"target"`
	Image      string        `lua:"image"`
}

var ubootUMSOptions = option.Declare[umsOptions](2, "uboot:ums")

// ums is ub:ums([medium], [options]).
func (x *session) ums(ub *uboot.UBoot) vm.Builtin {
	return func(c *vm.Args) ([]lua.LValue, error) {
		if _, ok := c.Opt(1).(*lua.LTable); ok {
			c.Fail("argument 1 must be the name of a medium in U-Boot, \"mmc 0\"; options come after it, ub:ums(nil, { … }) for the medium of the target")
		}
		medium := c.StrOr(1, "medium", "")
		var o umsOptions
		luaoption.Read(c, ubootUMSOptions, &o)
		if o.Controller < 0 {
			c.Fail("option controller must not be negative")
		}
		return nil, x.s.UMS(c.Ctx, ub, engine.UMSOptions{
			WriteOptions: engine.WriteOptions{Target: o.Target, Image: o.Image},
			Medium:       medium, USB: o.USB, Serial: o.Serial, Controller: o.Controller, Timeout: o.Timeout,
		})
	}
}
