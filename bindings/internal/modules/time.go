package modules

import (
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/vm"
)

func init() {
	register("time", func(c Config) map[string]vm.Builtin { return timeModule{c.Phase}.functions() })
}

// timeModule is the Lua module time.
type timeModule struct{ phase *Phase }

func (m timeModule) functions() map[string]vm.Builtin {
	read := func(c *vm.Args) time.Duration {
		d, err := luaoption.Duration(c.Any(1, "duration"))
		if err != nil {
			c.Fail("argument 1 %v", err)
		}
		return d
	}
	return map[string]vm.Builtin{
		"now": func(c *vm.Args) ([]lua.LValue, error) { // in seconds since 1970
			clk, err := m.phase.requireClock(c)
			if err != nil {
				return nil, err
			}
			return vm.Ret(lua.LNumber(float64(clk.Now().UnixMicro()) / 1e6))
		},
		"sleep": func(c *vm.Args) ([]lua.LValue, error) {
			d := read(c)
			clk, err := m.phase.requireClock(c)
			if err != nil {
				return nil, err
			}
			return nil, clk.Sleep(c.Ctx, d)
		},
		"seconds": func(c *vm.Args) ([]lua.LValue, error) { return vm.Ret(lua.LNumber(read(c).Seconds())) },
	}
}
