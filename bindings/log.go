package bindings

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine/bounded"
	"github.com/flashlua/flashlua/engine/console"
)

// mostSaid is the longest text that a script says while it loads, in bytes. The engine bounds what is said later.
const mostSaid = 16 << 10

func init() { register("log", (*host).logModule) }

func (h *host) logModule() map[string]vm.Builtin {
	say := func(prefix string) vm.Builtin {
		return func(c *vm.Args) ([]lua.LValue, error) {
			h.say(prefix + joinArgs(c))
			return nil, nil
		}
	}
	return map[string]vm.Builtin{"info": say(""), "warn": say("warning: ")}
}

// mostHeld is how much of what a script says while it loads waits for the end of loading, in bytes.
const mostHeld = 1 << 20

// sayings passes on what a script says outside of a program's run, without its secrets. While the script loads they are
// not known, so what it says then waits. The state's goroutine owns it.
type sayings struct {
	log     func(string)
	secrets *console.Secrets
	holding bool
	held    []string
	size    int // bytes of held
}

// say passes text on, or holds it.
func (s *sayings) say(text string) {
	if s.holding && s.size+len(text) <= mostHeld {
		s.held, s.size = append(s.held, text), s.size+len(text)
		return
	}
	s.release()
	s.log(bounded.Text(s.secrets.Mask(text), mostSaid)) // in this order: the rest of a secret could not be found
}

// release passes on what is held, and holds nothing any more.
func (s *sayings) release() {
	held := s.held
	s.held, s.size, s.holding = nil, 0, false
	for _, text := range held {
		s.say(text)
	}
}

// say tells the people who watch, as an event where a program runs.
func (h *host) say(text string) {
	if h.program != nil {
		h.program.Note(text)
		return
	}
	h.said.say(text)
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
