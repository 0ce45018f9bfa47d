package engine

import (
	"context"

	"github.com/flashlua/flashlua/engine/console"
)

// PowerOn switches the board on. It resets a board that is on.
func (s *Session) PowerOn(ctx context.Context) error { return s.setPower(ctx, PowerOn) }

// PowerOff switches the board off.
func (s *Session) PowerOff(ctx context.Context) error { return s.setPower(ctx, PowerOff) }

// PowerCycle switches the board off, waits, and switches it on. Unread output of the board is dropped.
func (s *Session) PowerCycle(ctx context.Context) error {
	if err := s.PowerOff(ctx); err != nil {
		return err
	}
	if err := s.run.power.rest(ctx); err != nil {
		return err
	}
	return s.PowerOn(ctx)
}

func (s *Session) setPower(ctx context.Context, state PowerState) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	con, err := s.console(ctx)
	if err != nil {
		return err
	}
	con.EndEpoch(ctx, "the board was switched "+string(state)) // without a driver, a person does it
	if s.run.power.driver == nil {
		if s.toBeSwitched = state == PowerOn; s.toBeSwitched {
			s.Note("no power driver: reset the board by hand if it does not answer")
		}
		return nil
	}
	if err := s.run.console.gate.check(ctx, con); err != nil {
		return err
	}
	if state == PowerOn {
		con.Skip()
	}
	err = s.run.power.switchTo(ctx, state)
	s.run.console.gate.switched(state, err)
	s.justPoweredOn = err == nil && state == PowerOn
	if s.run.Console != nil && err == nil {
		s.run.Console.Note(s.run.Clock.Now(), "power "+string(state))
	}
	return err
}

// console returns the console, opened again if it was lost.
func (s *Session) console(ctx context.Context) (*console.Console, error) {
	if err := s.CheckActive(); err != nil {
		return nil, err
	}
	return s.run.console.live(ctx)
}
