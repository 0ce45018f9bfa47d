package bindings

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine/bounded"
	"github.com/flashlua/flashlua/engine/console"
)

// maxText is the longest text that a script prints while it loads, in bytes. The engine bounds later texts.
const maxText = 16 << 10

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

// maxHeld is how much text waits for the end of loading, in bytes.
const maxHeld = 1 << 20

// sayings passes on the texts that a script prints outside of a program's run, with its secrets masked. While
// the script loads, its secrets are not known yet, so the texts are held until it is loaded. The state's
// goroutine owns it.
type sayings struct {
	log     func(string)
	secrets *console.Secrets
	holding bool
	held    []string
	size    int // bytes of held
}

// say passes text on, or holds it.
func (s *sayings) say(text string) {
	if s.holding && s.size+len(text) <= maxHeld {
		s.held, s.size = append(s.held, text), s.size+len(text)
		return
	}
	s.release()
	s.log(bounded.Text(s.secrets.Mask(text), maxText)) // masked first: a secret that the bound cuts could not be found
}

// release passes on the held texts, and ends holding.
func (s *sayings) release() {
	held := s.held
	s.held, s.size, s.holding = nil, 0, false
	for _, text := range held {
		s.say(text)
	}
}

// say passes on a text: as an event of the running program, else to Options.Log.
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
