package engine

import (
	"context"
	"fmt"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/flash"
	"github.com/flashlua/flashlua/engine/image"
)

// ModeWrite is the mode of a report on a medium of this machine.
const ModeWrite = "write"

// LocalJob is an image for a medium of this machine.
type LocalJob struct {
	Image   string // file or web address
	SHA256  string // that the image must have, hex; "" for any
	MaxSize int64  // bytes that the image may have when it is unpacked; 0 is no limit
	To      string // a block device, or a file
	Force   bool   // also a device that is in use, or not removable
}

// WriteLocal writes an image to a medium of this machine and verifies it. The report is never nil.
func (e Engine) WriteLocal(ctx context.Context, j LocalJob) *Report {
	r := e.newRun(ctx, &Policy{Name: "this machine"}, Job{Image: j.Image, SHA256: j.SHA256, MaxSize: j.MaxSize})
	r.mode = ModeWrite
	r.media = []*medium{{part: Part{Image: j.Image, SHA256: j.SHA256}, target: flash.Target{Name: j.To, Path: j.To}, state: Untouched}}
	var d classify.Decision
	if err := r.guard(func() error { return r.writeLocal(j) }); err != nil {
		d = r.decide(r.ctx, classify.WithTarget(err, r.mediumState()))
	}
	r.cleanUp()
	return r.finish(d)
}

func (r *run) writeLocal(j LocalJob) error {
	m := r.media[0]
	if err := image.Check(m.part.Image); err != nil {
		return err
	}
	local := flash.Local{Path: j.To, Force: j.Force, Progress: r.progress, OpenFile: r.grants.openWrite}
	t, err := local.Open(j.Image)
	if err != nil {
		return err
	}
	r.defers("medium", t.Close)
	m.found = t.Early().Found // the medium is read while the image is unpacked
	r.staging = r.stage(r.ctx)
	if err := r.readyFor(r.ctx, func(_ int, size int64) error { return t.Fits(size, false) }); err != nil {
		return err
	}
	if err := t.Prepare(m.image); err != nil {
		return err
	}
	r.found(m, j.To)
	r.emit(Event{Type: EventPlan, Text: fmt.Sprintf("%s\nto %s: everything on it is lost", m.describe(), j.To)})
	r.powered = true // from now on the medium changes
	r.attempt.Store(1)
	r.markOne(m, Partial, flash.Receipt{})
	done, err := t.Write(r.ctx, m.image)
	r.rewrote(m, done.Rewritten)
	if err != nil {
		return err
	}
	r.markOne(m, Verified, flash.Receipt{})
	text := fmt.Sprintf("%d bytes written", done.Written)
	if done.Written < m.image.Size() {
		text += ", the others were right already"
	}
	if done.Rewritten > 0 {
		text += "; read back wrong, and written again: " + plural(done.Rewritten, "range")
	}
	r.emit(Event{Type: EventNote, Text: text})
	return nil
}
