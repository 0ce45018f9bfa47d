package engine

import (
	"cmp"
	"context"
	"fmt"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/flash"
	"github.com/flashlua/flashlua/engine/shell"
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
	s.write.commands = true
	switch {
	case s.steps.destructive == 0:
		s.run.ledger.voidAll()
	case s.VerifyOnly():
		return classify.WithHint(classify.New(classify.ConfigPolicy, "step %s may destroy the medium, and nothing is to be written: its commands do not run", s.steps.innermost()),
			"in the policy, leave the command out if job.verify_only is true")
	default:
		s.run.ledger.mark(Partial)
	}
	return nil
}

// reverify reads the media again if the script ran commands after they were verified. It repairs nothing: the
// changes by these commands were intended.
func (s *Session) reverify(ctx context.Context) error {
	if s.write.last == nil || !s.write.commands {
		return nil
	}
	s.Note("commands ran after the verification: reading the medium once more")
	s.write.commands = false
	for _, w := range s.write.last.all {
		w.Distrust()
	}
	return s.write.last.prove(ctx, func(ctx context.Context, w *writing) error { return s.verify(ctx, w, false) })
}

// verify runs the step verify, which reads one medium back.
func (s *Session) verify(ctx context.Context, w *writing, repair bool) error {
	return s.Step(ctx, "verify", StepOptions{}, func(ctx context.Context) error {
		before := w.Counts().Rewritten
		if err := s.write.last.verify(ctx, w, repair); err != nil {
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

// Write streams the images to their targets, reads them back and records the receipts. It writes nothing before
// all images are staged and all targets are found, and reads nothing back before all media are written. If the run
// only compares, it does not write.
func (s *Session) Write(ctx context.Context, sh *shell.Shell) error {
	if err := s.CheckActive(); err != nil {
		return err
	}
	if err := s.errIfChecking("write"); err != nil {
		return err
	}
	if err := s.run.staging.useAllCPUs(); err != nil {
		return err
	}
	ws, err := s.openMedia(ctx, sh)
	if err != nil {
		return err
	}
	s.write = writeState{}
	for _, w := range ws.all {
		if err := s.writeOne(ctx, ws, w); err != nil {
			return err
		}
	}
	s.write.last = ws
	return ws.prove(ctx, func(ctx context.Context, w *writing) error { return s.verify(ctx, w, !s.VerifyOnly()) })
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

// openMedia finds the targets through a shell, waits for the images, and returns a writer for each.
func (s *Session) openMedia(ctx context.Context, sh *shell.Shell) (*writes, error) {
	address, err := sh.Network(ctx)
	if err != nil {
		return nil, err
	}
	station, err := s.stationAddr(ctx, cmp.Or(s.run.policy.Net.HTTP, s.run.policy.Net.listenAddress()), address)
	if err != nil {
		return nil, err
	}
	d := &flash.ShellFlasher{Shell: sh, HTTP: s.run.http, Station: station, Clock: s.run.Clock, ReadOnly: s.VerifyOnly(), Progress: s.run.events.progress}
	found, err := s.resolveTargets(ctx, d)
	if err != nil {
		return nil, err
	}
	early := !s.Staged()
	if early {
		for _, m := range found {
			if err := d.ProfileReads(ctx, m.at); err != nil {
				return nil, err
			}
		}
	}
	if err := s.run.staging.waitFits(ctx, found.fitMinSize); err != nil {
		return nil, err
	}
	if early { // a target may have been mounted meanwhile
		if found, err = s.resolveTargets(ctx, d); err != nil {
			return nil, err
		}
	}
	ws := &writes{ledger: &s.run.ledger, dut: d}
	for _, m := range found {
		if err := m.at.Fits(m.image().Size(), true); err != nil {
			return nil, err
		}
		if err := s.run.checkSectors(m.image(), m.at.Device, m.at.DiskSector(), s.run.job.Strict); err != nil {
			return nil, err
		}
		w := d.NewWriter(m.at, m.image())
		w.BeforeWrite = func() { ws.changing(m.medium) }
		ws.all = append(ws.all, &writing{medium: m.medium, Writer: w})
	}
	return ws, nil
}

// resolveTargets finds the targets on the board. It returns an error if one of them must not be written, or two
// overlap.
func (s *Session) resolveTargets(ctx context.Context, d *flash.ShellFlasher) (found foundMedia, err error) {
	var all []flash.Medium
	for _, m := range s.run.ledger.media {
		at, err := d.Resolve(ctx, m.target)
		if err != nil {
			return nil, err
		}
		s.run.ledger.resolved(m, at.Device, at.Extents)
		found, all = append(found, foundMedium{m, at}), append(all, at)
	}
	if s.VerifyOnly() {
		return found, nil
	}
	return found, flash.Apart(all)
}
