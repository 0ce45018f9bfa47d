package engine

import (
	"context"
	"fmt"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/flash"
	"github.com/flashlua/flashlua/engine/shell"
)

// written is a write whose shell may still be there.
type written struct {
	*medium
	*flash.Writing
}

// prove reads the media once more if the script ran commands after they were verified. Nothing is mended then: what the
// commands did was meant.
func (s *Session) prove(ctx context.Context) error {
	if s.written == nil || !s.stale {
		return nil
	}
	s.Note("commands ran after the verification: reading the medium once more")
	s.stale = false
	for _, w := range s.written {
		if err := s.verify(ctx, w, false); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) verify(ctx context.Context, w *written, mend bool) error {
	return s.Step(ctx, "verify", StepOptions{}, func(ctx context.Context) error {
		receipt, err := w.Verify(ctx, mend)
		s.run.rewrote(w.medium, w.Rewritten)
		if err != nil {
			s.run.markOne(w.medium, s.run.unproven(), flash.Receipt{})
			return s.final(err)
		}
		s.run.markOne(w.medium, Verified, receipt)
		if w.Rewritten > 0 {
			s.Note("read back wrong, and written again: " + plural(w.Rewritten, "range"))
		}
		return nil
	})
}

// final makes a mismatch fatal where nothing is written: the medium will not be another one the next time.
func (s *Session) final(err error) error {
	if !s.VerifyOnly() || classify.Find(err, classify.VerifyMismatch) == nil {
		return err
	}
	return classify.WithHint(classify.Fatal(err), "flash it with flashlua run; a file system that was mounted for writing since then differs, too")
}

// Write streams the images to their targets, reads them back and keeps the receipts. If the job is to verify only, it
// writes nothing and does the rest. No byte is written before all images are staged and all targets found.
func (s *Session) Write(ctx context.Context, sh *shell.Shell) error {
	if err := s.Live(); err != nil {
		return err
	}
	if err := s.run.hurry(); err != nil {
		return err
	}
	all, err := s.reach(ctx, sh)
	if err != nil {
		return err
	}
	s.written, s.stale = nil, false
	for _, w := range all {
		if err := s.write(ctx, w); err != nil {
			return err
		}
		s.written = append(s.written, w)
		if err := s.verify(ctx, w, !s.VerifyOnly()); err != nil {
			return err
		}
	}
	return nil
}

// write is Write of one medium, without the verification.
func (s *Session) write(ctx context.Context, w *written) error {
	if err := w.image.Unchanged(); err != nil {
		return err
	}
	size, device := w.image.Size(), w.Medium.Device
	if s.VerifyOnly() {
		s.Note(fmt.Sprintf("nothing is written: comparing %d bytes of %s", size, device))
		return nil
	}
	s.Note(fmt.Sprintf("writing %d bytes to %s", size, device))
	s.run.markOne(w.medium, Partial, flash.Receipt{})
	if err := w.Write(ctx); err != nil {
		return err
	}
	if w.Skipped > 0 {
		s.Note(fmt.Sprintf("%d bytes of %s were right already", w.Skipped, device))
	}
	s.run.markOne(w.medium, Written, flash.Receipt{})
	return nil
}

// reach finds the targets through a shell, and waits for the images.
func (s *Session) reach(ctx context.Context, sh *shell.Shell) (all []*written, err error) {
	address, err := sh.Network(ctx)
	if err != nil {
		return nil, err
	}
	station, err := s.station(ctx, s.run.policy.Net.HTTP, address)
	if err != nil {
		return nil, err
	}
	d := &flash.DUT{Shell: sh, HTTP: s.run.http, Station: station, Clock: s.run.Clock, ReadOnly: s.VerifyOnly(), Progress: s.run.progress}
	found, err := s.find(ctx, d)
	if err != nil {
		return nil, err
	}
	early := !s.Staged()
	if early {
		for _, at := range found {
			if err := d.Survey(ctx, at); err != nil {
				return nil, err
			}
		}
	}
	if err := s.run.readyFor(ctx, func(i int, size int64) error { return found[i].Fits(size, false) }); err != nil {
		return nil, err
	}
	if early { // who knows what was mounted meanwhile
		if found, err = s.find(ctx, d); err != nil {
			return nil, err
		}
	}
	for i, m := range s.run.media {
		if err := found[i].Fits(m.image.Size(), true); err != nil {
			return nil, err
		}
		all = append(all, &written{m, d.Begin(found[i], m.image)})
	}
	return all, nil
}

// find finds the targets, and refuses those that must not be written.
func (s *Session) find(ctx context.Context, d *flash.DUT) (found []flash.Medium, err error) {
	for _, m := range s.run.media {
		at, err := d.Resolve(ctx, m.target)
		if err != nil {
			return nil, err
		}
		s.run.found(m, at.Device)
		found = append(found, at)
	}
	return found, nil
}
