package bindings

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/bindings/internal/policy"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
)

// host is one Lua state with flashlua's modules. One goroutine at a time uses it.
type host struct {
	*vm.State
	reader       policy.Reader
	name         string // of the script, for messages
	globals      globals
	modules      modules
	said         sayings
	extraModules map[string]Module // an embedder's
	allow        []string          // commands of the station that scripts may run
	program      *engine.Program   // the program that runs; nil in a policy and while a script loads
	clk          clock.Clock       // nil while a script loads
}

// newHost makes a state with flashlua's library and nothing of Lua's that reaches outside.
func newHost(src source, o Options) *host {
	if o.Log == nil {
		o.Log = func(string) {}
	}
	h := &host{
		State: vm.New(), name: src.name, said: sayings{log: o.Log, secrets: console.NewSecrets()},
		extraModules: o.Modules, allow: o.Allow,
	}
	h.RaisedHint = func() string {
		if h.clk == nil || h.program != nil { // no policy runs
			return ""
		}
		return "the kind of this error is unknown, so it is retried: raise errors.fatal(…) or errors.retryable(…) instead"
	}
	h.globals = newGlobals(h.State)
	h.modules = newModules(h.State, src)
	h.reader = policy.Reader{State: h.State, Where: h.modules.where, Secrets: h.said.secrets}
	lua51.Open(h.State)
	openErrors(h.State)
	h.L.SetGlobal("require", h.Function("require", 0, h.modules.require))
	h.L.SetGlobal("print", h.Function("print", 0, func(c *vm.Args) ([]lua.LValue, error) {
		h.say(joinArgs(c))
		return nil, nil
	}))
	h.openModules()
	h.globals.seal(h.State)
	return h
}
