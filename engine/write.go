package engine

import (
	"context"
	"fmt"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/flash"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// ModeWrite is the mode of a report on a medium of this machine.
const ModeWrite = "write"

// WriteJob is an image for a medium of this machine. Plain data: safe for concurrent use while nothing changes it.
type WriteJob struct {
	Image   string // file or web address
	SHA256  string // that the image must have, hex; "" for any
	MaxSize int64  // bytes that the image may have when it is unpacked; 0 is no limit
	To      string // a block device, or a file
	Force   bool   // also a device that is in use, or not removable
}

// Write writes an image to a medium of this machine and verifies it. The report is never nil.
func (e Engine) Write(ctx context.Context, j WriteJob) *Report {
	r := e.newRun(ctx, &Policy{Name: "this machine"}, Job{Image: j.Image, SHA256: j.SHA256, MaxSize: j.MaxSize})
	r.mode = ModeWrite
	r.ledger.add(&medium{source: Part{Image: j.Image, SHA256: j.SHA256}, target: flash.Target{Name: j.To, Path: j.To}})
	var d classify.Decision
	if err := r.recoverPanic(func() error { return r.writeMedium(j) }); err != nil {
		d = r.classifyError(r.ctx, classify.WithTarget(err, r.mediaState()))
	}
	r.cleanUp()
	return r.finish(d)
}

func (r *run) writeMedium(j WriteJob) error {
	m := r.ledger.media[0]
	if err := image.CheckExists(m.source.Image); err != nil {
		return err
	}
	ws := &writes{ledger: &r.ledger}
	local := flash.BlockTarget{
		Path: j.To, Force: j.Force, Progress: r.progress, OpenFile: r.grants.openWrite,
		BeforeWrite: func() { ws.changing(m) },
	}
	t, err := local.Open(j.Image)
	if err != nil {
		return err
	}
	r.onCleanup("medium", t.Close)
	m.onRange = t.StartPrecompare().Add // the medium is read while the image is unpacked
	r.staging = r.startStaging(r.ctx)
	if err := r.waitStagedAndFits(r.ctx, func(_ int, size int64) error { return t.Fits(size, false) }); err != nil {
		return err
	}
	lw, err := t.NewWriter(m.image)
	if err != nil {
		return err
	}
	r.ledger.resolved(m, j.To, t.Extents())
	r.emit(Event{Type: EventPlan, Text: fmt.Sprintf("%s\nto %s: everything on it is lost", m.describe(), j.To)})
	r.touched = true // from now on the medium changes
	r.attemptNumber.Store(1)
	w := &writing{medium: m, Writer: lw}
	ws.all = append(ws.all, w)
	if err := ws.write(r.ctx, w); err != nil {
		return err
	}
	if err := ws.prove(r.ctx, func(ctx context.Context, w *writing) error { return ws.verify(ctx, w, true) }); err != nil {
		return err
	}
	r.emit(Event{Type: EventNote, Text: countsText(lw.Counts())})
	return r.proofError()
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
