package engine

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/transport"
)

// TestWhatAProgramLeaves: once a program has typed on a console of its own, the state of the target is not known,
// until a flash has touched it. A program that only listens, serves or switches power leaves it as it is.
func TestWhatAProgramLeaves(t *testing.T) {
	type does func(ctx context.Context, p *Program) error
	open := func(ctx context.Context, p *Program) *console.Console {
		con, err := p.Open(ctx, "x", Console{})
		if err != nil {
			t.Fatal(err)
		}
		return con
	}
	listens := func(ctx context.Context, p *Program) error { open(ctx, p).Tail(); return nil }
	types := func(ctx context.Context, p *Program) error { return open(ctx, p).Send(ctx, "dd\n") }
	flashes := func(state State) does {
		return func(_ context.Context, p *Program) error {
			p.recordReport(flashResult{port: "x", target: "disk"}, &Report{Target: TargetReport{Name: "disk", State: state}})
			return nil
		}
	}
	serves := func(ctx context.Context, p *Program) error { _, err := p.Serve(ctx, "127.0.0.1:0"); return err }
	switches := func(ctx context.Context, p *Program) error {
		x, err := p.Power(ctx, "x", PowerAfter{}, 0)
		if err == nil {
			err = x.On(ctx)
		}
		return err
	}
	for name, tt := range map[string]struct {
		does []does
		want State
	}{
		"nothing":                              {nil, Untouched},
		"it listens":                           {[]does{listens}, Untouched},
		"it serves":                            {[]does{serves}, Untouched},
		"it switches power":                    {[]does{switches}, Untouched},
		"it types":                             {[]does{types}, Unknown},
		"it types, and a flash is refused":     {[]does{types, flashes(Untouched)}, Unknown},
		"it types, and flashes":                {[]does{types, flashes(Verified)}, Verified},
		"it flashes, and listens":              {[]does{flashes(Verified), listens}, Verified},
		"it flashes, and types":                {[]does{flashes(Verified), types}, Unknown},
		"a flash breaks, another is refused":   {[]does{flashes(Partial), flashes(Untouched)}, Partial},
		"a flash succeeds, another is refused": {[]does{flashes(Verified), flashes(Untouched)}, Unknown},
		"two are refused":                      {[]does{flashes(Untouched), flashes(Untouched)}, Untouched},
	} {
		b := newBench(t, nil)
		b.OpenPower = func(string) (power.Driver, error) { return b, nil }
		b.OpenPort = func(context.Context, string, transport.Line) (transport.Port, error) {
			board, port := net.Pipe()
			go io.Copy(io.Discard, board)
			t.Cleanup(func() { board.Close() })
			return port, nil
		}
		rep := b.RunProgram(t.Context(), ProgramJob{Name: "p"}, func(ctx context.Context, p *Program) error {
			for _, do := range tt.does {
				if err := do(ctx, p); err != nil {
					return err
				}
			}
			return nil
		})
		if rep.Err != nil || rep.Target.State != tt.want {
			t.Errorf("%s: state %s, %v; want %s", name, rep.Target.State, rep.Err, tt.want)
		}
	}
}
