package modules

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
)

func init() {
	register("log", func(c Config) map[string]vm.Builtin {
		return map[string]vm.Builtin{"info": printer(c.Output, ""), "warn": printer(c.Output, "warning: ")}
	})
}

// printer makes a function that prints its arguments after a prefix.
func printer(out *Output, prefix string) vm.Builtin {
	return func(c *vm.Args) ([]lua.LValue, error) {
		out.Say(prefix + joinArgs(c))
		return nil, nil
	}
}

// joinArgs returns all arguments as text, with tabs between them.
func joinArgs(c *vm.Args) string {
	var words []string
	held := c.Watchdog().Draft()
	defer held.Release()
	for _, v := range c.Rest(1) {
		words = append(words, c.State.ToString(c.Ctx, v))
		held.Add(len(words[len(words)-1]))
	}
	return strings.Join(words, "\t")
}
