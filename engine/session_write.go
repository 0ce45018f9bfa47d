package engine

import (
	"context"
	"fmt"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/uboot"
)

// BeforeCommand must be called before a command of the script, because the command may change the medium. It voids
// all receipts, so that the media are read again at the end of the attempt. In a step with Destroys it marks the
// media Partial; if the run only compares, it returns an error instead. In a policy's check it voids nothing.
func (s *Session) BeforeCommand() error {
	if err := s.CheckActive(); err != nil {
		return err
	}
	if s.checking { // after the proof: as the new system's own writes do, commands leave it as it is
		return nil
	}
	if len(s.steps.destroys) > 0 && s.VerifyOnly() {
		return classify.WithHint(classify.New(classify.ConfigPolicy, "step %s may destroy the medium, and nothing is to be written: its commands do not run", s.steps.innermost()),
			"in the policy, leave the command out if job.verify_only is true")
	}
	s.run.ledger.voidAll()
	for _, name := range s.steps.destroys {
		s.run.ledger.destroying(name)
	}
	return nil
}

// BeforeUBootCommand is BeforeCommand for a command at U-Boot's prompt. after must be called with its output and its
// error. A command that only saves the environment voids no receipts if U-Boot says that it saved it outside the
// disks.
func (s *Session) BeforeUBootCommand(cmd string) (after func(output string, err error) error, err error) {
	if !uboot.SavesEnvironment(cmd) || len(s.steps.destroys) > 0 || s.run.ledger.onFlashChip() {
		return func(_ string, err error) error { return err }, s.BeforeCommand()
	}
	return func(output string, err error) error {
		if err == nil && uboot.SavedOffDisk(output) {
			return nil
		}
		if berr := s.BeforeCommand(); err == nil {
			err = berr
		}
		return err
	}, s.CheckActive()
}

// reverify reads back the media that the run wrote and whose receipts are void: the script ran commands, or wrote to
// the same disk, after they were verified, or another attempt wrote them. It repairs nothing: the changes by these
// commands were intended.
func (s *Session) reverify(ctx context.Context) error {
	owed := s.run.ledger.owed()
	if len(owed) == 0 {
		return nil
	}
	ws := &writes{ledger: &s.run.ledger}
	var gone []*medium // their writers have ended
	for _, m := range owed {
		if w := s.write.of(m); w != nil {
			w.Distrust()
			ws.all = append(ws.all, w)
		} else {
			gone = append(gone, m)
		}
	}
	prompt := s.livePrompt(ctx, gone)
	if len(gone) > 0 && prompt == nil {
		return nil // and the ledger is not proven
	}
	s.Note("commands ran after the verification, or the disk was written to: reading the medium once more")
	if len(gone) > 0 {
		again, err := s.openMedia(ctx, prompt, gone, s.run.staging, true)
		if err != nil {
			return err
		}
		ws.all = append(ws.all, again...)
	}
	return ws.prove(ctx, func(ctx context.Context, w *writing) error { return s.verify(ctx, ws, w, false) })
}

// verify runs the step verify, which reads one medium back.
func (s *Session) verify(ctx context.Context, ws *writes, w *writing, repair bool) error {
	return s.Step(ctx, "verify", StepOptions{}, func(ctx context.Context) error {
		before := w.Counts().Rewritten
		if err := ws.verify(ctx, w, repair); err != nil {
			return s.fatalIfVerifyOnly(err)
		}
		if n := w.Counts().Rewritten - before; n > 0 {
			s.Note("read back wrong, and written again: " + plural(n, "range"))
		}
		return nil
	})
}

// fatalIfVerifyOnly makes a mismatch fatal if the run only compares: another attempt would find the same.
func (s *Session) fatalIfVerifyOnly(err error) error {
	if !s.VerifyOnly() || classify.Find(err, classify.VerifyMismatch) == nil {
		return err
	}
	return classify.WithHint(classify.MarkFatal(err), "flash it with flashlua run; a file system that was mounted for writing since then differs, too")
}

// Write writes the images of the job to their targets, reads them back and records the receipts. It writes nothing
// before all images are staged and all targets are found, and reads nothing back before all media are written. If the
// run only compares, it does not write.
func (s *Session) Write(ctx context.Context, p Prompt) error {
	return s.WriteTo(ctx, p, WriteOptions{})
}

// WriteTo is Write with another target or image. A run succeeds only if every medium that it was to write in the last
// attempt, or changed in any, is proven at the end, and every image of the job is proven on one of them.
func (s *Session) WriteTo(ctx context.Context, p Prompt, o WriteOptions) error {
	ws, err := s.beginWrites(ctx, "write", p, o, s.VerifyOnly())
	if err != nil {
		return err
	}
	for _, w := range ws.all {
		if err := s.writeOne(ctx, ws, w); err != nil {
			return err
		}
	}
	return ws.prove(ctx, func(ctx context.Context, w *writing) error { return s.verify(ctx, ws, w, !s.VerifyOnly()) })
}

// Verify reads the targets back, and records the receipts of those that hold their images, whatever wrote them. It
// writes nothing. A difference is an error of kind verify.mismatch. The images and targets are those of WriteTo.
func (s *Session) Verify(ctx context.Context, p Prompt, o WriteOptions) error {
	ws, err := s.beginWrites(ctx, "verify", p, o, true)
	if err != nil {
		return err
	}
	for _, w := range ws.all {
		if err := w.image().CheckUnchanged(); err != nil {
			return err
		}
		s.run.ledger.void(w.medium)
		if w.writer == "" && !s.VerifyOnly() {
			s.run.ledger.writing(w.medium, byScript)
		}
	}
	return ws.prove(ctx, func(ctx context.Context, w *writing) error { return s.verify(ctx, ws, w, false) })
}

// beginWrites opens the media of a write or a verification, which verb names.
func (s *Session) beginWrites(ctx context.Context, verb string, p Prompt, o WriteOptions, readOnly bool) (*writes, error) {
	if err := s.CheckActive(); err != nil {
		return nil, err
	}
	if err := s.errIfChecking(verb); err != nil {
		return nil, err
	}
	media, images, err := s.mediaToWrite(ctx, p, o)
	if s.write.note(o, err); err != nil {
		return nil, err
	}
	s.write.load = o.Load
	all, err := s.openMedia(ctx, p, media, images, readOnly)
	if err != nil {
		return nil, err
	}
	s.write.replace(all)
	ws := &writes{ledger: &s.run.ledger, all: all, earlier: s.write.all}
	for _, w := range all {
		w.onWrite = func() { ws.changing(w.medium) }
	}
	return ws, nil
}

// writeOne writes one medium, or prepares its comparison if the run only compares.
func (s *Session) writeOne(ctx context.Context, ws *writes, w *writing) error {
	if err := w.image().CheckUnchanged(); err != nil {
		return err
	}
	if s.VerifyOnly() {
		s.Note(fmt.Sprintf("nothing is written: comparing %d bytes of %s", w.image().Size(), w.device))
		s.run.ledger.void(w.medium)
		return nil
	}
	s.Note(fmt.Sprintf("writing %d bytes to %s", w.image().Size(), w.device))
	if err := ws.write(ctx, w); err != nil {
		return err
	}
	if n := w.Counts().Skipped; n > 0 {
		s.Note(fmt.Sprintf("%d bytes of %s were right already", n, w.device))
	}
	return nil
}
