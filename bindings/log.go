package bindings

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/engine/bounded"
)

// mostSaid is the longest text that a script says while it loads, in bytes. The engine bounds what is said later.
const mostSaid = 16 << 10

func init() { register("log", (*host).logModule) }

func (h *host) logModule() map[string]builtin {
	say := func(prefix string) builtin {
		return func(c *args) ([]lua.LValue, error) {
			h.say(prefix + h.joined(c))
			return nil, nil
		}
	}
	return map[string]builtin{"info": say(""), "warn": say("warning: ")}
}

// say tells the people who watch, as an event where a program runs.
func (h *host) say(text string) {
	if h.running != nil {
		h.running.Note(text)
		return
	}
	h.log(bounded.Text(text, mostSaid))
}
