package bindings

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/bindings/internal/modules"
	"github.com/flashlua/flashlua/bindings/internal/policy"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// host is one Lua state with flashlua's modules. One goroutine at a time uses it.
type host struct {
	*vm.State
	name    string // of the script, for messages
	finder  *finder
	reader  policy.Reader
	phase   *modules.Phase
	output  *modules.Output
	globals *modules.Globals
}

// newHost makes a state with flashlua's library and nothing of Lua's that reaches outside.
func newHost(src source, o Options) *host {
	if o.Log == nil {
		o.Log = func(string) {}
	}
	h := &host{State: vm.New(), name: src.name, phase: &modules.Phase{}}
	h.RaisedHint = func() string {
		if !h.phase.InPolicy() {
			return ""
		}
		return "the kind of this error is unknown, so it is retried: raise errors.fatal(…) or errors.retryable(…) instead"
	}
	h.finder = newFinder(h.State, src)
	if src.lab {
		h.finder.tables = lua51.RecordTables(h.State)
	}
	h.reader = policy.Reader{State: h.State, Where: h.finder.where, Secrets: console.NewSecrets(), Secret: o.Secret}
	h.output = modules.NewOutput(h.phase, o.Log, h.reader.Secrets)
	extra := map[string]modules.Functions{}
	for name, m := range o.Modules {
		extra[name] = m
	}
	h.globals = modules.Open(modules.Config{
		Reader: h.reader, Phase: h.phase, Output: h.output, Boards: boards{h, o.Modules, o.Allow}, Require: h.finder.require, Data: h.finder, Allow: o.Allow, Extra: extra,
		NilForUndeclared: o.nilForUndeclared,
	})
	return h
}

// session returns the arguments of a policy's flash.
func (h *host) session(s *engine.Session) (session, job lua.LValue) {
	h.phase.RunPolicy(s)
	h.output.MaskWith(s.Mask)
	return modules.NewSession(h.State, s)
}

// targetArgs returns the arguments of a policy's target.
func (h *host) targetArgs(s *engine.Session, ub *uboot.UBoot, sh *shell.Shell) []lua.LValue {
	h.phase.RunPolicy(s)
	h.output.MaskWith(s.Mask)
	return modules.NewTargetArgs(h.State, s, ub, sh)
}

// verdict returns a report as the policy's check is called with it.
func (h *host) verdict(r *engine.Report) (lua.LValue, error) { return modules.Verdict(h.State, r) }
