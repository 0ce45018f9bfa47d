package engine

import (
	"context"
	"io"

	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/transport"
)

// openPort opens a port. An Engine.OpenPort that ignores the end of ctx is abandoned, and one that panics returns
// an error.
func (e *Engine) openPort(ctx context.Context, spec string, line transport.Line) (transport.Port, error) {
	return callAbandonable(ctx, e.Clock, "the opening of the console port "+spec, func() (port transport.Port, err error) {
		err = recovered(func() (err error) {
			port, err = e.OpenPort(ctx, spec, line)
			return err
		})
		return port, err
	}, func(port transport.Port) { port.Close() })
}

// openConsole opens a console, which reopens its port by the name that lasts. wrap wraps the port whenever it is
// opened; it may be nil. A console that announces itself is waited for.
func (e *Engine) openConsole(ctx context.Context, spec string, c Console, secrets *console.Secrets, wrap func(transport.Port) transport.Port) (*console.Console, error) {
	open := func(ctx context.Context, spec string) (io.ReadWriteCloser, error) {
		port, err := e.openPort(ctx, spec, c.Line)
		if err != nil {
			return nil, err
		}
		if wrap != nil {
			port = wrap(port)
		}
		return port, nil
	}
	port, err := open(ctx, spec)
	if err != nil {
		return nil, err
	}
	spec = transport.StableName(spec)
	cfg := console.Config{Clock: e.Clock, Typing: c.Typing, Watch: c.Watch, Secrets: secrets, Reopen: console.Reopen{
		Open:    func(ctx context.Context) (io.ReadWriteCloser, error) { return open(ctx, spec) },
		Timeout: max(c.Reopen, 0),
	}}
	if c.Reopen == 0 {
		cfg.Reopen.Timeout = DefaultReopen
	}
	if e.Console != nil {
		cfg.Recorder = e.Console
	}
	con := console.New(port, cfg)
	if c.Ready != "" && !e.Simulated {
		if err := awaitReady(ctx, con, c.Ready); err != nil {
			con.Close()
			return nil, err
		}
	}
	return con, nil
}

// boardConsole is the console of a board's run, which outlives the loss of its port. One goroutine at a time uses
// it.
type boardConsole struct {
	*console.Console // nil before it was opened

	engine  *Engine
	secrets *console.Secrets
	cfg     Console
	spec    string // of the port: the name that lasts, once it was open
	gate    powerGate
}

// open opens the console, again if it was open before.
func (b *boardConsole) open(ctx context.Context) error {
	con, err := b.engine.openConsole(ctx, b.spec, b.cfg, b.secrets, nil)
	if err != nil {
		return err
	}
	b.spec = transport.StableName(b.spec)
	b.Console = con
	return nil
}

// live returns the console, opened again if its port was lost for good.
func (b *boardConsole) live(ctx context.Context) (*console.Console, error) {
	select {
	case <-b.Lost():
	default:
		return b.Console, nil
	}
	b.EndEpoch(ctx, "the console was lost, and opened again")
	b.Close()
	b.gate.lost = true
	err := b.open(ctx)
	return b.Console, err
}
