package labgrid

import (
	"context"

	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/transport"
)

// OpenPort is transport.Open, except for the console of the place: it is opened where the place has it now,
// because an exporter that was restarted opens another port. It fits Engine.OpenPort.
func (p *Place) OpenPort(ctx context.Context, spec string, line transport.Line) (transport.Port, error) {
	if spec == p.port {
		spec = p.currentPort()
	}
	return transport.Open(ctx, spec, line)
}

// OpenPower is power.Open for a driver that switches nothing once the place is lost, because the board may be
// another user's then. A driver that asks a person to switch stays as it is. It fits Engine.OpenPower.
func (p *Place) OpenPower(spec string) (power.Driver, error) {
	d, err := power.Open(spec)
	if d == nil || err != nil {
		return nil, err
	}
	return p.guard(d), nil
}

func (p *Place) guard(d power.Driver) power.Driver {
	switch d.(type) {
	case power.Slow, power.Nameable:
		return d
	case power.Instant:
		return &guardedInstant{guarded{d, p}}
	}
	return &guarded{d, p}
}

// Context returns a context that is cancelled when the place is lost, with Err as its cause. The caller calls stop
// when it needs the context no longer.
func (p *Place) Context(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-p.lost:
			cancel(p.lostErr)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// currentPort returns where the console is now, or where it was if no other port is known.
func (p *Place) currentPort() string {
	if now := p.session.place(p.name); now != nil && now.acquired == p.holder {
		if found, err := p.client.connections(p.session, now); err == nil && found.pending == "" {
			return found.port
		}
	}
	return p.port
}

// guardedInstant is the power driver of a board at a place that needs no pause.
type guardedInstant struct{ guarded }

func (*guardedInstant) Instant() {}

// guarded is the power driver of a board at a place.
type guarded struct {
	driver power.Driver
	place  *Place
}

func (g *guarded) Check(ctx context.Context) error { return g.driver.Check(ctx) }

func (g *guarded) On(ctx context.Context) error {
	if err := g.place.Err(); err != nil {
		return err
	}
	return g.driver.On(ctx)
}

func (g *guarded) Off(ctx context.Context) error {
	if err := g.place.Err(); err != nil {
		return err
	}
	return g.driver.Off(ctx)
}
