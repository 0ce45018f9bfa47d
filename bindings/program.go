package bindings

import (
	"context"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/engine"
)

// Program is a script that returns a function: it works with the modules itself.
type Program struct {
	Name string
	host *host
	f    *lua.LFunction
}

// Run runs the program with its arguments.
func (p *Program) Run(ctx context.Context, e engine.Engine, j engine.ProgramJob, args ...string) *engine.Report {
	j.Name = p.Name
	return e.RunProgram(ctx, j, func(ctx context.Context, run *engine.Program) error {
		h := p.host
		h.running, h.clk = run, run.Clock()
		defer func() { h.running = nil }()
		t := h.L.NewTable()
		for _, a := range args {
			t.Append(lua.LString(a))
		}
		_, err := h.call(ctx, p.f, t)
		return err
	})
}
