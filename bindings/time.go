package bindings

import (
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
)

func init() { register("time", (*host).timeModule) }

func (h *host) timeModule() map[string]vm.Builtin {
	read := func(c *vm.Args) time.Duration {
		d, err := luaoption.Duration(c.Any(1, "duration"))
		if err != nil {
			c.Fail("argument 1 %v", err)
		}
		return d
	}
	return map[string]vm.Builtin{
		"now": func(c *vm.Args) ([]lua.LValue, error) { // in seconds since 1970
			if h.clk == nil {
				return nil, errLoadPhase(c)
			}
			return vm.Ret(lua.LNumber(float64(h.clk.Now().UnixMicro()) / 1e6))
		},
		"sleep": func(c *vm.Args) ([]lua.LValue, error) {
			d := read(c)
			if h.clk == nil {
				return nil, errLoadPhase(c)
			}
			return nil, h.clk.Sleep(c.Ctx, d)
		},
		"seconds": func(c *vm.Args) ([]lua.LValue, error) { return vm.Ret(lua.LNumber(read(c).Seconds())) },
	}
}

// errLoadPhase is the error of a function that cannot be called while a script loads.
func errLoadPhase(c *vm.Args) error {
	return classify.WithHint(classify.New(classify.ScriptPhase, "%s: the script only loads now", c.Name), "call it in a function that flashlua calls later")
}
