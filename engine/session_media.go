package engine

import (
	"cmp"
	"context"
	"slices"

	"github.com/flashlua/flashlua/engine/internal/flash"
	"github.com/flashlua/flashlua/engine/shell"
)

// openMedia finds the targets of media through a shell, waits for their images, and returns a writer for each. With
// readOnly it is only for reading.
func (s *Session) openMedia(ctx context.Context, sh *shell.Shell, media []*medium, images *staging, readOnly bool) ([]*writing, error) {
	d, err := s.flasher(ctx, sh)
	if err != nil {
		return nil, err
	}
	d.ReadOnly = readOnly
	found, err := s.resolveTargets(ctx, d, media)
	if err != nil {
		return nil, err
	}
	early := !images.isReady()
	if early {
		for _, m := range found {
			if err := d.ProfileReads(ctx, m.at); err != nil {
				return nil, err
			}
		}
	}
	if err := images.waitFits(ctx, found.fitMinSize); err != nil {
		return nil, err
	}
	if early { // a target may have been mounted meanwhile
		if found, err = s.resolveTargets(ctx, d, media); err != nil {
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
		w := &writing{medium: m.medium, at: m.at}
		shellWriter := d.NewWriter(m.at, m.image())
		shellWriter.BeforeWrite = func() { w.onWrite() }
		w.Writer = shellWriter
		all = append(all, w)
	}
	return all, nil
}

// flasher returns what writes through a shell. There is one at a time: its helper on the board has the shell's
// variables.
func (s *Session) flasher(ctx context.Context, sh *shell.Shell) (*flash.ShellFlasher, error) {
	if s.write.dut != nil && s.write.dut.Shell == sh {
		return s.write.dut, nil
	}
	address, err := sh.Network(ctx)
	if err != nil {
		return nil, err
	}
	station, err := s.stationAddr(ctx, cmp.Or(s.run.policy.Net.HTTP, s.run.policy.Net.listenAddress()), address)
	if err != nil {
		return nil, err
	}
	s.write.dut = &flash.ShellFlasher{Shell: sh, HTTP: s.run.http, Station: station, Clock: s.run.Clock, Progress: s.run.events.progress}
	return s.write.dut, nil
}

// resolveTargets finds the targets of media on the board. It returns an error if one of them must not be written, or
// two overlap, those included that the attempt wrote before.
func (s *Session) resolveTargets(ctx context.Context, d *flash.ShellFlasher, media []*medium) (found foundMedia, err error) {
	var all []flash.Medium
	for _, m := range media {
		at, err := d.Resolve(ctx, m.target)
		if err != nil {
			return nil, err
		}
		s.run.ledger.resolved(m, at.Device, at.Extents)
		found, all = append(found, foundMedium{m, at}), append(all, at)
	}
	if d.ReadOnly {
		return found, nil
	}
	for _, w := range s.write.all {
		if !slices.Contains(media, w.medium) {
			all = append(all, w.at)
		}
	}
	return found, flash.Apart(all)
}
