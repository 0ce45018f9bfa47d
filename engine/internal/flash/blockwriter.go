package flash

import (
	"context"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// BlockWriter writes an image to a block device of the station, or into a file. It implements Writer.
type BlockWriter struct {
	dev        *BlockDevice
	im         Image
	unverified []segment // to be read back by the next Verify
	wrong      []segment // what the last Verify read back wrong
	counts     Counts
}

// NewWriter returns a writer of im to the target. It refuses an image that does not fit or is on the target. It
// writes nothing, except that it creates a file that does not exist.
func (t *BlockDevice) NewWriter(im Image) (*BlockWriter, error) {
	if err := t.prepare(im); err != nil {
		return nil, err
	}
	return &BlockWriter{dev: t, im: im, unverified: ranges(im.Ranges()).segments()}, nil
}

// Counts implements Writer.
func (w *BlockWriter) Counts() Counts { return w.counts }

// Distrust implements Writer.
func (w *BlockWriter) Distrust() { w.unverified = ranges(w.im.Ranges()).segments() }

// Write implements Writer.
func (w *BlockWriter) Write(ctx context.Context) error {
	t, all := w.dev, ranges(w.im.Ranges())
	results := t.precompare.stop(w.im)
	if err := t.truncate(w.im.Size()); err != nil {
		return err
	}
	compare, err := w.worthComparing(ctx, results)
	if err != nil {
		return err
	}
	first, others := all.splitBootRanges()
	if !compare {
		if err := w.clearBootRanges(first); err != nil {
			return err
		}
	}
	var wrote []segment
	for _, part := range []ranges{others, first} { // last the partition table: a medium without one does not boot
		segments := part.remaining(results)
		if !compare {
			segments = part.segments() // clearBootRanges overwrote what was right of the first
		}
		written, err := w.process(ctx, "write", segments, pass{compare: compare, tolerateReadErrors: true, repair: true})
		if err != nil {
			return err
		}
		wrote = append(wrote, written...)
	}
	w.counts.Written = bytesOf(wrote)
	w.counts.Skipped = max(w.im.Size()-w.counts.Written, 0)
	w.unverified = wrote
	aliased := !compare
	if compare && len(wrote) > 0 {
		if aliased, err = w.mayAlias(wrote); err != nil {
			return err
		}
	}
	if aliased {
		w.unverified = all.segments()
	}
	return nil
}

// Verify implements Writer. It reads only what Write asked for the first time, and the whole image from then on.
func (w *BlockWriter) Verify(ctx context.Context) (Receipt, error) {
	t := w.dev
	if err := t.sync(); err != nil {
		return Receipt{}, classify.Wrap(err, classify.WriteFailed, "cannot flush %s", t.cfg.Path)
	}
	wrong, err := w.process(ctx, "verify", w.unverified, pass{compare: true})
	w.Distrust()
	w.wrong = wrong
	if err != nil {
		return Receipt{}, err
	}
	if len(wrong) > 0 {
		return Receipt{}, classify.New(classify.VerifyMismatch, "%s does not hold the image: the block at byte %d was written and read back wrong", t.cfg.Path, wrong[0].Off+wrong[0].from)
	}
	if err := w.im.CheckUnchanged(); err != nil {
		return Receipt{}, err
	}
	return Receipt{t.Target(), t.cfg.Path, w.im.Size(), w.im.SHA256(), "bytes", true}, nil
}

// Repair implements Writer.
func (w *BlockWriter) Repair(ctx context.Context) error {
	wrong := w.wrong
	w.wrong = nil
	w.counts.Rewritten += len(wrong)
	_, err := w.process(ctx, "write", wrong, pass{repair: true})
	return err
}

// worthComparing reports whether part of the medium is right already, so that comparing all of it pays. results
// are those of Precompare.
func (w *BlockWriter) worthComparing(ctx context.Context, results map[image.Range][]segment) (bool, error) {
	s := ranges(w.im.Ranges())
	if s.size() < probeFrom {
		return true, nil
	}
	for _, wrong := range results {
		if len(wrong) == 0 {
			return true, nil
		}
	}
	for _, kind := range []image.Kind{image.Data, image.Zero} {
		sampled := s.ofKind(kind).sampleSegments(samples * 2)
		wrong, err := w.process(ctx, "", sampled, pass{compare: true, tolerateReadErrors: true})
		if err != nil {
			return false, err
		}
		if len(wrong) < len(sampled) {
			return true, nil
		}
	}
	return false, nil
}

// clearBootRanges overwrites the partition table, so that a half-written medium does not boot.
func (w *BlockWriter) clearBootRanges(first ranges) error {
	t := w.dev
	t.beforeWrite()
	for _, r := range first {
		if err := t.writeAt(make([]byte, t.padded(r.Len)), r.Off); err != nil {
			return t.writeError(err, r.Off)
		}
	}
	return nil
}
