package engine

import (
	"context"
	"slices"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// ProgramPower is a power driver of a program. One goroutine at a time uses it.
type ProgramPower struct {
	program *Program
	control powerControl
}

// Power opens a power driver. If the program uses it, the board is left in the state for the program's outcome.
func (p *Program) Power(ctx context.Context, spec string, after PowerAfter, offTime time.Duration) (*ProgramPower, error) {
	if err := p.run.grants.canUse(spec); err != nil {
		return nil, err
	}
	d, err := p.run.OpenPower(spec)
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, classify.WithHint(classify.New(classify.Usage, "%q is no power driver that could switch", spec),
			"name a driver, such as \"command:pdu -port 3 {}\" or \"manual\", or open none if the program does not switch the board")
	}
	x := &ProgramPower{
		program: p,
		control: powerControl{
			driverControl: driverControl{driver: d, name: "the power driver", clock: p.run.Clock, turns: p.turns},
			events:        p.run.events, after: after, offTime: offTime,
		},
	}
	if err := x.control.check(ctx); err != nil {
		return nil, err
	}
	p.power = append(p.power, x)
	return x, nil
}

// On switches the board on.
func (x *ProgramPower) On(ctx context.Context) error { return x.switchTo(ctx, PowerOn) }

// Off switches the board off.
func (x *ProgramPower) Off(ctx context.Context) error { return x.switchTo(ctx, PowerOff) }

// Cycle switches the board off, waits, and switches it on.
func (x *ProgramPower) Cycle(ctx context.Context) error {
	if err := x.Off(ctx); err != nil {
		return err
	}
	if err := x.control.rest(ctx); err != nil {
		return err
	}
	return x.On(ctx)
}

func (x *ProgramPower) switchTo(ctx context.Context, state PowerState) error {
	x.program.markTouched()
	x.program.endEpoch(ctx, "the board was switched "+string(state))
	x.control.used = true
	return x.control.switchTo(ctx, state)
}

// endEpoch ends the epoch of the console if one is open. If several are, the driver may switch the board of any.
func (p *Program) endEpoch(ctx context.Context, event string) {
	p.open = slices.DeleteFunc(p.open, (*console.Console).Closed)
	if len(p.open) == 1 {
		p.open[0].EndEpoch(ctx, event)
	}
}

// applyPowerAfter leaves every board that the program switched in the state for the outcome.
func (p *Program) applyPowerAfter(ctx context.Context, failure error) {
	for _, x := range p.power {
		if err := x.control.applyAfter(ctx, failure, func(context.Context) error { return nil }); err != nil {
			p.run.powerError = err
		}
	}
}
