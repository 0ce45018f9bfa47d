package engine

import (
	"context"
	"fmt"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/flash"
	"github.com/flashlua/flashlua/engine/shell"
)

// reverify reads the media once more if the script ran commands after they were verified. Nothing is repaired then: what the
// commands did was meant.
func (s *Session) reverify(ctx context.Context) error {
	if s.lastWrite == nil || !s.commandsSinceVerify {
		return nil
	}
	s.Note("commands ran after the verification: reading the medium once more")
	s.commandsSinceVerify = false
	for _, w := range s.lastWrite.all {
		w.Distrust()
	}
	return s.lastWrite.prove(ctx, func(ctx context.Context, w *writing) error { return s.verify(ctx, w, false) })
}

// verify is the step that reads one medium back.
func (s *Session) verify(ctx context.Context, w *writing, repair bool) error {
	return s.Step(ctx, "verify", StepOptions{}, func(ctx context.Context) error {
		before := w.Counts().Rewritten
		if err := s.lastWrite.verify(ctx, w, repair); err != nil {
			return s.fatalIfVerifyOnly(err)
		}
		if n := w.Counts().Rewritten - before; n > 0 {
			s.Note("read back wrong, and written again: " + plural(n, "range"))
		}
		return nil
	})
}

// fatalIfVerifyOnly makes a mismatch fatal where nothing is written: the medium will not be another one the next time.
func (s *Session) fatalIfVerifyOnly(err error) error {
	if !s.VerifyOnly() || classify.Find(err, classify.VerifyMismatch) == nil {
		return err
	}
	return classify.WithHint(classify.MarkFatal(err), "flash it with flashlua run; a file system that was mounted for writing since then differs, too")
}

// Write streams the images to their targets, reads them back and keeps the receipts. If the job is to verify only, it
// writes nothing and does the rest. No byte is written before all images are staged and all targets found, and none is
// read back before all are written.
func (s *Session) Write(ctx context.Context, sh *shell.Shell) error {
	if err := s.CheckActive(); err != nil {
		return err
	}
	if err := s.run.needImages(); err != nil {
		return err
	}
	ws, err := s.openMedia(ctx, sh)
	if err != nil {
		return err
	}
	s.lastWrite, s.commandsSinceVerify = nil, false
	for _, w := range ws.all {
		if err := s.write(ctx, ws, w); err != nil {
			return err
		}
	}
	s.lastWrite = ws
	return ws.prove(ctx, func(ctx context.Context, w *writing) error { return s.verify(ctx, w, !s.VerifyOnly()) })
}

// write is Write of one medium, without the verification.
func (s *Session) write(ctx context.Context, ws *writes, w *writing) error {
	if err := w.image.CheckUnchanged(); err != nil {
		return err
	}
	if s.VerifyOnly() {
		s.Note(fmt.Sprintf("nothing is written: comparing %d bytes of %s", w.image.Size(), w.device))
		s.run.ledger.void(w.medium)
		return nil
	}
	s.Note(fmt.Sprintf("writing %d bytes to %s", w.image.Size(), w.device))
	if err := ws.write(ctx, w); err != nil {
		return err
	}
	if n := w.Counts().Skipped; n > 0 {
		s.Note(fmt.Sprintf("%d bytes of %s were right already", n, w.device))
	}
	return nil
}

// openMedia finds the targets through a shell, and waits for the images.
func (s *Session) openMedia(ctx context.Context, sh *shell.Shell) (*writes, error) {
	address, err := sh.Network(ctx)
	if err != nil {
		return nil, err
	}
	station, err := s.stationAddr(ctx, s.run.policy.Net.HTTP, address)
	if err != nil {
		return nil, err
	}
	d := &flash.ShellFlasher{Shell: sh, HTTP: s.run.http, Station: station, Clock: s.run.Clock, ReadOnly: s.VerifyOnly(), Progress: s.run.progress}
	found, err := s.resolveTargets(ctx, d)
	if err != nil {
		return nil, err
	}
	early := !s.Staged()
	if early {
		for _, at := range found {
			if err := d.ProfileReads(ctx, at); err != nil {
				return nil, err
			}
		}
	}
	if err := s.run.waitStagedAndFits(ctx, func(i int, size int64) error { return found[i].Fits(size, false) }); err != nil {
		return nil, err
	}
	if early { // who knows what was mounted meanwhile
		if found, err = s.resolveTargets(ctx, d); err != nil {
			return nil, err
		}
	}
	ws := &writes{ledger: &s.run.ledger, dut: d}
	for i, m := range s.run.ledger.media {
		if err := found[i].Fits(m.image.Size(), true); err != nil {
			return nil, err
		}
		w := d.NewWriter(found[i], m.image)
		w.BeforeWrite = func() { ws.changing(m) }
		ws.all = append(ws.all, &writing{medium: m, Writer: w})
	}
	return ws, nil
}

// resolveTargets finds the targets, and refuses those that must not be written, or not together.
func (s *Session) resolveTargets(ctx context.Context, d *flash.ShellFlasher) (found []flash.Medium, err error) {
	for _, m := range s.run.ledger.media {
		at, err := d.Resolve(ctx, m.target)
		if err != nil {
			return nil, err
		}
		s.run.ledger.resolved(m, at.Device, at.Extents)
		found = append(found, at)
	}
	if s.VerifyOnly() {
		return found, nil
	}
	return found, flash.Apart(found)
}
