package engine

import (
	"context"
	"fmt"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/flash"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// WriteJob is what the operator asks of a write to a medium of the station. Plain data: safe for concurrent use
// while nothing changes it.
type WriteJob struct {
	Image      string // file or web address
	SHA256     string // that the image must have, hex, or KIND:HEX of another digest; "" for any
	MaxSize    int64  // bytes that the image may have, decompressed; 0 is no limit
	Format     string // of the image file, one of Formats; "" is "auto"
	NoBlockMap bool   // ignore a block map next to the image
	Strict     bool   // what is only a warning otherwise is an error
	To         string // a block device, or a file
	Force      bool   // also a device that is in use, or not removable
}

// stationBoard stands for the board in the report of a write to a medium of the station.
const stationBoard = "this machine"

// Write writes an image to a medium of the station and verifies it. The report is never nil.
func (e Engine) Write(ctx context.Context, j WriteJob) *Report {
	e.begin()
	r := e.newRun(stationBoard, ModeWrite, imageOptions{j.MaxSize, j.Format, j.NoBlockMap})
	m := &medium{
		stagedImage: &stagedImage{from: image.Ref(j.Image), digest: j.SHA256},
		target:      flash.Target{Name: j.To, Path: j.To},
	}
	r.addMedium(m)
	var d classify.Decision
	if err := recovered(func() error { return r.writeMedium(ctx, j, m) }); err != nil {
		d = r.decider.decide(ctx, classify.WithTarget(err, string(r.ledger.state())))
	}
	return r.finish(d)
}

func (r *run) writeMedium(ctx context.Context, j WriteJob, m *medium) error {
	if err := m.from.CheckExists(); err != nil {
		return err
	}
	ws := &writes{ledger: &r.ledger}
	local := flash.BlockTarget{
		Path: j.To, Force: j.Force, Progress: r.events.progress, OpenFile: r.grants.openWrite,
		BeforeWrite: func() { ws.changing(m) },
	}
	t, err := local.Open(j.Image)
	if err != nil {
		return err
	}
	r.cleanups.push("medium", t.Close)
	m.onRange = t.StartPrecompare().Add // the medium is read while the image is staged
	r.cleanups.push("image", r.staging.start(ctx, 0))
	if err := r.staging.waitFits(ctx, func() error { return t.Fits(m.minSize.Load(), false) }); err != nil {
		return err
	}
	writer, err := t.NewWriter(m.image())
	if err != nil {
		return err
	}
	r.ledger.resolved(m, j.To, t.Extents())
	if err := r.checkSectors(m.image(), j.To, t.DiskSector(), j.Strict); err != nil {
		return err
	}
	r.events.emit(Event{Type: EventPlan, Text: fmt.Sprintf("%s\nto %s: everything on it is lost", m.describe(), j.To)})
	r.events.beginAttempt(1)
	w := &writing{medium: m, Writer: writer, by: byStation}
	ws.all = append(ws.all, w)
	if err := ws.write(ctx, w); err != nil {
		return err
	}
	if err := ws.prove(ctx, func(ctx context.Context, w *writing) error { return ws.verify(ctx, w, true) }); err != nil {
		return err
	}
	r.events.note(countsText(writer.Counts()))
	return r.ledger.proofError()
}

func countsText(c flash.Counts) string {
	text := fmt.Sprintf("%d bytes written", c.Written)
	if c.Skipped > 0 {
		text += ", the others were right already"
	}
	if c.Rewritten > 0 {
		text += "; read back wrong, and written again: " + plural(c.Rewritten, "range")
	}
	return text
}
