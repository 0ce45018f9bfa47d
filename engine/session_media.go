package engine

import (
	"cmp"
	"context"
	"slices"

	"github.com/flashlua/flashlua/engine/internal/flash"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// openMedia finds the targets of media at a prompt, waits for their images, and returns a writer for each. With
// readOnly it is only for reading.
func (s *Session) openMedia(ctx context.Context, p Prompt, media []*medium, images *staging, readOnly bool) ([]*writing, error) {
	d, err := s.flasher(ctx, p)
	if err != nil {
		return nil, err
	}
	found, err := s.resolveTargets(ctx, d, media, readOnly)
	if err != nil {
		return nil, err
	}
	early := !images.isReady()
	if early {
		for _, m := range found {
			if err := d.Prepare(ctx, m.at); err != nil {
				return nil, err
			}
		}
	}
	if err := images.waitFits(ctx, found.fitMinSize); err != nil {
		return nil, err
	}
	if early { // a target may have been mounted meanwhile
		if found, err = s.resolveTargets(ctx, d, media, readOnly); err != nil {
			return nil, err
		}
	}
	var all []*writing
	for _, m := range found {
		if err := m.at.Fits(m.image().Size(), true); err != nil {
			return nil, err
		}
		if err := s.run.checkSectors(m.image(), m.at.Device, m.at.DiskSector(), s.run.job.Strict); err != nil {
			return nil, err
		}
		w := &writing{medium: m.medium, at: m.at, by: writerAt(p)}
		if w.Writer, err = d.Writer(ctx, m.at, m.image(), func() { w.onWrite() }); err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}

// What wrote a medium, for the verdict.
const (
	byShell   = "shell"
	byUBoot   = "uboot"
	byStation = "station"
	byScript  = "script" // a command of the policy, or something that it started
)

// writerAt returns what writes at a prompt, for the verdict.
func writerAt(p Prompt) string {
	if _, ok := p.(*uboot.UBoot); ok {
		return byUBoot
	}
	return byShell
}

// flasher returns what writes at a prompt. There is one at a time: the helper on the board has the shell's
// variables.
func (s *Session) flasher(ctx context.Context, p Prompt) (flash.Flasher, error) {
	if s.write.flasher != nil && s.write.prompt == p {
		return s.write.flasher, nil
	}
	d, err := s.newFlasher(ctx, p)
	if err != nil {
		return nil, err
	}
	s.write.flasher, s.write.prompt = d, p
	return d, nil
}

func (s *Session) newFlasher(ctx context.Context, p Prompt) (flash.Flasher, error) {
	if ub, ok := p.(*uboot.UBoot); ok {
		return s.newUBootFlasher(ub), nil
	}
	sh := p.(*shell.Shell)
	address, err := sh.Network(ctx)
	if err != nil {
		return nil, err
	}
	station, err := s.stationAddr(ctx, cmp.Or(s.run.policy.Net.HTTP, s.run.policy.Net.listenAddress()), address)
	if err != nil {
		return nil, err
	}
	return &flash.ShellFlasher{Shell: sh, HTTP: s.run.http, Station: station, Clock: s.run.Clock, Progress: s.run.events.progress}, nil
}

// resolveTargets finds the targets of media on the board. It returns an error if one of them must not be written,
// or two overlap, those included that the attempt wrote before.
func (s *Session) resolveTargets(ctx context.Context, d flash.Flasher, media []*medium, readOnly bool) (found foundMedia, err error) {
	var all []flash.Medium
	for _, m := range media {
		at, err := d.Resolve(ctx, m.target, readOnly)
		if err != nil {
			return nil, err
		}
		s.run.ledger.resolved(m, at.Device, at.Extents)
		found, all = append(found, foundMedium{m, at}), append(all, at.Holding(m.image()))
	}
	if readOnly {
		return found, nil
	}
	for _, w := range s.write.all {
		if !slices.Contains(media, w.medium) {
			all = append(all, w.at.Holding(w.image()))
		}
	}
	return found, flash.Apart(all)
}
