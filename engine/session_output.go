package engine

import (
	"context"
	"time"
)

// SessionOutput is an output of the station in an attempt. One goroutine at a time uses it.
type SessionOutput struct {
	session *Session
	output  *outputSwitch
}

// Output returns an output of the policy, nil if it is not connected.
func (s *Session) Output(name string) *SessionOutput {
	x := s.run.outputs.find(name)
	if x == nil {
		return nil
	}
	return &SessionOutput{s, x}
}

// On switches the output on.
func (o *SessionOutput) On(ctx context.Context) error { return o.switchTo(ctx, PowerOn) }

// Off switches the output off.
func (o *SessionOutput) Off(ctx context.Context) error { return o.switchTo(ctx, PowerOff) }

// Pulse switches the output on, and off after d. The end of ctx ends the wait: the output is switched off all the
// same.
func (o *SessionOutput) Pulse(ctx context.Context, d time.Duration) error {
	if err := o.On(ctx); err != nil {
		return err
	}
	err := o.session.run.Clock.Sleep(ctx, d)
	return withSecondary(err, o.session.switchOutput(context.WithoutCancel(ctx), o.output, PowerOff))
}

func (o *SessionOutput) switchTo(ctx context.Context, state PowerState) error {
	if err := o.session.CheckActive(); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return o.session.switchOutput(ctx, o.output, state)
}

// switchOutput switches an output, and notes it in the record of the console.
func (s *Session) switchOutput(ctx context.Context, x *outputSwitch, state PowerState) error {
	err := s.run.outputs.switchTo(ctx, x, state)
	if s.run.Console != nil && err == nil {
		s.run.Console.Note(s.run.Clock.Now(), "output "+x.Name+" "+string(state))
	}
	return err
}

// resetOutputs begins an attempt with all outputs off, in the step outputs if one has to be switched.
func (s *Session) resetOutputs(ctx context.Context) error {
	if s.run.outputs.allOff() {
		return nil
	}
	return s.Step(ctx, "outputs", StepOptions{}, s.run.outputs.reset)
}
