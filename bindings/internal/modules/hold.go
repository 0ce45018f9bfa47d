package modules

import (
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/uboot"
)

type holdOptions struct {
	Ready   string        `lua:"ready"`   // what the command prints when it has begun
	Timeout time.Duration `lua:"timeout"` // until then
}

var ubootHoldOptions = option.Declare[holdOptions](3, "uboot:hold")

// hold makes hold(command, function, [options]), which calls the function while a command of U-Boot runs, and then ends
// the command by Ctrl-C. It returns what the function returns.
func hold(ub *uboot.UBoot, touch func() error) vm.Builtin {
	return func(c *vm.Args) ([]lua.LValue, error) {
		cmd, f := c.Str(1, "command"), c.Func(2, "function")
		o := holdOptions{Timeout: time.Minute}
		luaoption.Read(c, ubootHoldOptions, &o)
		if err := touch(); err != nil {
			return nil, err
		}
		var ready *console.Pattern
		if o.Ready != "" {
			text := console.Text(o.Ready)
			ready = &text
		}
		held, _, err := ub.Hold(c.Ctx, cmd, ready, o.Timeout)
		if err != nil {
			return nil, err
		}
		results, err := c.State.Call(c.Ctx, f)
		return results, held.End(c.Ctx, err)
	}
}
