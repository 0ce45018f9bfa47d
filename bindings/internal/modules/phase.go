package modules

import (
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
)

// Phase is what a script does now: it loads, works as a board's policy, or runs as a program. The zero value is a
// script that loads. The state's goroutine owns it.
type Phase struct {
	program *engine.Program // the program that runs; nil in a policy and while a script loads
	session *engine.Session // the last one of the policy that works; nil in a program and while a script loads
	clk     clock.Clock     // nil while a script loads
}

// RunProgram begins the run of a program. The function that it returns ends the run.
func (p *Phase) RunProgram(run *engine.Program) (end func()) {
	p.program, p.clk = run, run.Clock()
	return func() { p.program = nil }
}

// RunPolicy begins an attempt of a policy.
func (p *Phase) RunPolicy(s *engine.Session) { p.session, p.clk = s, s.Clock() }

// InPolicy reports whether a policy works, not a program.
func (p *Phase) InPolicy() bool { return p.clk != nil && p.program == nil }

// requireProgram returns the running program, and an error while a script loads and in a board's policy, where
// there is none.
func (p *Phase) requireProgram(c *vm.Args) (*engine.Program, error) {
	if p.program == nil {
		return nil, classify.WithHint(classify.New(classify.ScriptPhase, "%s: nothing may be touched here", c.Name),
			"a program does that in its function, `return function(args) … end`; a board's policy works with the session that its flash is called with")
	}
	return p.program, nil
}

// requireClock returns the clock of the run, and an error while the script loads.
func (p *Phase) requireClock(c *vm.Args) (clock.Clock, error) {
	if p.clk == nil {
		return nil, classify.WithHint(classify.New(classify.ScriptPhase, "%s: the script only loads now", c.Name), "call it in a function that flashlua calls later")
	}
	return p.clk, nil
}

// runHostCommand runs a command of the station for what the script does now.
func (p *Phase) runHostCommand(c *vm.Args, cmd engine.HostCommand) (output string, code int, err error) {
	if _, err := p.requireClock(c); err != nil {
		return "", 0, err
	}
	if p.program != nil {
		return p.program.RunHostCommand(c.Ctx, cmd)
	}
	return p.session.RunHostCommand(c.Ctx, cmd)
}
