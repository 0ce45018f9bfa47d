package bindings

import (
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/classify"
)

func init() { register("time", (*host).timeModule) }

func (h *host) timeModule() map[string]builtin {
	read := func(c *args) time.Duration {
		d, err := duration(c.any(1, "duration"))
		if err != nil {
			c.fail("argument 1 %v", err)
		}
		return d
	}
	return map[string]builtin{
		"now": func(c *args) ([]lua.LValue, error) { // in seconds since 1970
			if h.clk == nil {
				return nil, errLoadPhase(c)
			}
			return ret(lua.LNumber(float64(h.clk.Now().UnixMicro()) / 1e6))
		},
		"sleep": func(c *args) ([]lua.LValue, error) {
			d := read(c)
			if h.clk == nil {
				return nil, errLoadPhase(c)
			}
			return nil, h.clk.Sleep(c.ctx, d)
		},
		"seconds": func(c *args) ([]lua.LValue, error) { return ret(lua.LNumber(read(c).Seconds())) },
	}
}

// errLoadPhase is the error of a function that means nothing while a script loads.
func errLoadPhase(c *args) error {
	return classify.WithHint(classify.New(classify.ScriptPhase, "%s: the script only loads now", c.name), "call it in a function that flashlua calls later")
}
