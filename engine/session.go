package engine

import (
	"context"
	"sync/atomic"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// Session is one attempt, or the check after it: what a policy's functions work with. Its methods end with their
// context, and return an error after the attempt has ended. A prompt or a shell that it returns belongs to a
// console.Epoch, which ends with a power switch, a boot, a reset, the next prompt or shell, and the attempt. One
// goroutine at a time uses a session and what it returns.
type Session struct {
	LastError error // of the attempt before, nil in the first

	run           *boardRun
	ended         atomic.Bool
	checking      bool // it is that of the policy's check, and must not write
	steps         stepStack
	justPoweredOn bool         // the power driver has just switched the board on
	toBeSwitched  bool         // a person was asked to reset the board, and nothing has used it since
	boardAddr     string       // the board's address in U-Boot
	uboot         *uboot.UBoot // the last one
	inRAM         ramLoads     // files that U-Boot loaded
	shell         *shell.Shell // the last one
	write         writeState
	choice        targetChoice
}

// Attempt returns the number of the attempt, from 1.
func (s *Session) Attempt() int { return s.run.events.lastAttempt() }

// CheckActive returns an error after the attempt has ended.
func (s *Session) CheckActive() error {
	if !s.ended.Load() {
		return nil
	}
	return classify.WithHint(classify.New(classify.ScriptStale, "it belongs to an attempt that is over"),
		"in every attempt, use the session that flash is called with")
}

// Policy returns the policy of the run.
func (s *Session) Policy() *Policy { return s.run.policy }

// Target returns the target of the job's images: that of the operator or the policy, or the one that the policy's
// ChooseTarget chose in this attempt. It is the zero target until then.
func (s *Session) Target() Target {
	if s.run.choosesTarget() {
		return s.choice.target
	}
	return s.run.planned
}

// Staged reports whether Image returns at once.
func (s *Session) Staged() bool { return s.run.staging.isReady() }

// Image waits until all images are staged, and returns the first one, nil if there is none.
func (s *Session) Image(ctx context.Context) (Image, error) {
	if len(s.run.staging.images) == 0 {
		return nil, nil
	}
	if err := s.run.staging.useAllCPUs(); err != nil {
		return nil, err
	}
	if err := s.run.staging.waitReady(ctx); err != nil {
		return nil, err
	}
	return s.run.staging.images[0].image(), nil
}

// VerifyOnly reports whether the medium is compared and not written.
func (s *Session) VerifyOnly() bool { return s.run.job.VerifyOnly }

// Clock returns the clock of the run.
func (s *Session) Clock() clock.Clock { return s.run.Clock }

// Note sends a text for people to the events.
func (s *Session) Note(text string) { s.run.events.note(text) }

// Console returns the board's console, opened again if it was lost.
func (s *Session) Console(ctx context.Context) (*console.Console, error) { return s.console(ctx) }

// BeforeTyping must be called before a script types at the board's console. What it types may change the medium, as a
// command may, and ends the epoch of the prompt or shell that is there.
func (s *Session) BeforeTyping(ctx context.Context) error {
	con, err := s.console(ctx)
	if err == nil {
		err = s.BeforeCommand()
	}
	if err != nil {
		return err
	}
	con.EndEpoch(ctx, "the script typed at the console")
	s.dropPrompt()
	return nil
}
