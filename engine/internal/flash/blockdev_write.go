package flash

import (
	"bytes"
	"context"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
)

const (
	// writeBlock is what is written at least, in bytes.
	writeBlock = 64 << 10
	// blockWorkers read, compare and write side by side: a medium that can do both at once is kept busy both ways.
	blockWorkers = 3
)

// segment is a part of a range. On a device the image's last one reaches to the end of the sector.
type segment struct {
	image.Range
	from, to int64 // bytes, in the range
	wrong    bool  // is known to be, without looking again
}

// segments are the whole ranges of a set.
func (s ranges) segments() (all []segment) {
	for _, r := range s {
		all = append(all, segment{Range: r, to: r.Len})
	}
	return all
}

// remaining are the spots of a set that are not known to be right. Those that are only to be written are spread among those
// that are to be read first: a medium may do both at once.
func (s ranges) remaining(seen map[image.Range][]segment) (all []segment) {
	var known, unknown []segment
	for _, r := range s {
		wrong, ok := seen[r]
		if !ok {
			unknown = append(unknown, segment{Range: r, to: r.Len})
		}
		for _, w := range wrong {
			w.wrong = true
			known = append(known, w)
		}
	}
	for i, w := range known {
		upTo := len(unknown) * (i + 1) / len(known)
		all = append(append(all, unknown[len(unknown)*i/len(known):upTo]...), w)
	}
	if len(known) == 0 {
		return unknown
	}
	return all
}

// sampleSegments are n spots, far from each other, of a block each.
func (s ranges) sampleSegments(n int) (some []segment) {
	for _, r := range s.sample(n) {
		some = append(some, segment{Range: r, to: min(r.Len, writeBlock)})
	}
	return some
}

func bytesOf(spots []segment) (n int64) {
	for _, s := range spots {
		n += s.to - s.from
	}
	return n
}

// BlockWriter writes an image to a block device of this machine, or into a file. It implements Writer.
type BlockWriter struct {
	t          *BlockDevice
	im         Image
	unverified []segment // what must yet be read back
	wrong      []segment // what the last Verify read back wrong
	counts     Counts
}

// NewWriter is the first step of Write or Verify. It refuses an image that does not fit, or lies on the target, and writes
// nothing but an empty file, if the target is one that does not exist.
func (t *BlockDevice) NewWriter(im Image) (*BlockWriter, error) {
	if err := t.prepare(im); err != nil {
		return nil, err
	}
	return &BlockWriter{t: t, im: im, unverified: ranges(im.Ranges()).segments()}, nil
}

// Counts implements Writer.
func (w *BlockWriter) Counts() Counts { return w.counts }

// Distrust implements Writer.
func (w *BlockWriter) Distrust() { w.unverified = ranges(w.im.Ranges()).segments() }

// Write implements Writer.
func (w *BlockWriter) Write(ctx context.Context) error {
	t, im, all := w.t, w.im, ranges(w.im.Ranges())
	seen := t.precompare.stop(im)
	if err := t.truncate(im.Size()); err != nil {
		return err
	}
	compare, err := t.worthComparing(ctx, im, seen)
	if err != nil {
		return err
	}
	first, others := all.splitBootRanges()
	if !compare {
		if err := t.clearBootRanges(first); err != nil {
			return err
		}
	}
	var wrote []segment
	for _, part := range []ranges{others, first} { // a medium without a partition table does not boot: that comes last
		spots := part.remaining(seen)
		if !compare {
			spots = part.segments() // what was right of the first is wiped
		}
		some, err := t.process(ctx, im, "write", spots, pass{compare: compare, tolerateReadErrors: true, repair: true})
		if err != nil {
			return err
		}
		wrote = append(wrote, some...)
	}
	w.counts.Written = bytesOf(wrote)
	w.counts.Skipped = max(im.Size()-w.counts.Written, 0)
	w.unverified = wrote
	one := !compare
	if compare && len(wrote) > 0 {
		if one, err = t.mayAlias(im, wrote); err != nil {
			return err
		}
	}
	if one {
		w.unverified = all.segments()
	}
	return nil
}

// Verify implements Writer. What it was asked to read once, it reads whole the next time.
func (w *BlockWriter) Verify(ctx context.Context) (Receipt, error) {
	t := w.t
	wrong, err := t.verify(ctx, w.im, w.unverified)
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
	return Receipt{t.Target(), t.cfg.Path, w.im.Size(), w.im.SHA256(), true}, nil
}

// Repair implements Writer.
func (w *BlockWriter) Repair(ctx context.Context) error {
	wrong := w.wrong
	w.wrong = nil
	w.counts.Rewritten += len(wrong)
	_, err := w.t.process(ctx, w.im, "write", wrong, pass{repair: true})
	return err
}

// verify reads spots back, once what was written is on the medium, and gives what is wrong in them.
func (t *BlockDevice) verify(ctx context.Context, im Image, spots []segment) ([]segment, error) {
	if err := t.sync(); err != nil {
		return nil, classify.Wrap(err, classify.WriteFailed, "cannot flush %s", t.cfg.Path)
	}
	return t.process(ctx, im, "verify", spots, pass{compare: true})
}

// worthComparing reports whether some of the medium is right already, so that looking at all of it pays.
func (t *BlockDevice) worthComparing(ctx context.Context, im Image, seen map[image.Range][]segment) (bool, error) {
	s := ranges(im.Ranges())
	if s.size() < probeFrom {
		return true, nil
	}
	for _, wrong := range seen {
		if len(wrong) == 0 {
			return true, nil
		}
	}
	for _, kind := range []image.Kind{image.Data, image.Zero} {
		some := s.ofKind(kind).sampleSegments(samples * 2)
		wrong, err := t.process(ctx, im, "", some, pass{compare: true, tolerateReadErrors: true})
		if err != nil {
			return false, err
		}
		if len(wrong) < len(some) {
			return true, nil
		}
	}
	return false, nil
}

// clearBootRanges takes away what would boot.
func (t *BlockDevice) clearBootRanges(first ranges) error {
	t.beforeWrite()
	for _, r := range first {
		if err := t.writeAt(make([]byte, t.padded(r.Len)), r.Off); err != nil {
			return t.writeError(err, r.Off)
		}
	}
	return nil
}

// pass says what is done with spots.
type pass struct {
	compare            bool // read them first
	tolerateReadErrors bool // what cannot be read is wrong: it may heal when it is written
	repair             bool // write what is wrong
}

// process goes through spots, several at a time, and gives those that were not right, or not known to be.
func (t *BlockDevice) process(ctx context.Context, im Image, step string, spots []segment, do pass) (found []segment, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		next, done atomic.Int64
		mu         sync.Mutex
		all        sync.WaitGroup
	)
	total := bytesOf(spots)
	for range min(blockWorkers, len(spots)) {
		all.Go(func() {
			w, err := newBlockWorker(t, im, do)
			if err != nil {
				cancel(err)
				return
			}
			defer w.close()
			for i := next.Add(1) - 1; i < int64(len(spots)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				some, err := w.process(spots[i])
				if err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				found = append(found, some...)
				mu.Unlock()
				if n := done.Add(spots[i].to - spots[i].from); t.cfg.Progress != nil && step != "" {
					t.cfg.Progress(step, n, total)
				}
			}
		})
	}
	all.Wait()
	slices.SortFunc(found, func(a, b segment) int { return int((a.Off + a.from - b.Off - b.from) / t.sector) })
	return found, context.Cause(ctx)
}

// blockWorker has the memory for one range, as it should be and as it is.
type blockWorker struct {
	t         *BlockDevice
	im        Image
	pass      pass
	want, got []byte
}

func newBlockWorker(t *BlockDevice, im Image, do pass) (*blockWorker, error) {
	w := &blockWorker{t: t, im: im, pass: do}
	var err error
	if w.want, err = alignedBuffer(image.MaxRange); err == nil {
		w.got, err = alignedBuffer(image.MaxRange)
	}
	return w, err
}

func (w *blockWorker) close() {
	unix.Munmap(w.want)
	if w.got != nil {
		unix.Munmap(w.got)
	}
}

// load reads a range as it is now. What is written of it is compared later, and then the digest is asked, too.
func (w *blockWorker) load(r image.Range) error {
	if r.Kind == image.Zero {
		clear(w.want[:r.Len])
		return nil
	}
	if _, err := w.im.ReadAt(w.want[:r.Len], r.Off); err != nil && err != io.EOF {
		return classify.Wrap(err, classify.ImageRead, "cannot read the image")
	}
	return nil
}

// process looks at one, if it should, and writes what is wrong.
func (w *blockWorker) process(s segment) (wrong []segment, err error) {
	if err := w.load(s.Range); err != nil {
		return nil, err
	}
	end := w.t.padded(s.Len)
	clear(w.want[s.Len:end])
	if s.to == s.Len {
		s.to = end
	}
	look := w.pass.compare && !s.wrong
	s.wrong = false // once it is written, nobody knows
	wrong = []segment{s}
	if look {
		if wrong, err = w.compare(s); err != nil && !(w.pass.tolerateReadErrors && classify.Facts(err).Kind == classify.VerifyRead) {
			return nil, err
		}
		if err != nil {
			wrong = []segment{s}
			w.t.oldSectors.markUnknown()
		}
	}
	if w.pass.repair && len(wrong) > 0 {
		w.t.beforeWrite()
		for _, x := range wrong {
			if x.Kind == image.Zero && w.t.zeroRange(x.Off+x.from, x.to-x.from) == nil {
				continue
			}
			if err := w.t.writeAt(w.want[x.from:x.to], x.Off+x.from); err != nil {
				return nil, w.t.writeError(err, x.Off+x.from)
			}
		}
	}
	return wrong, nil
}

// compare gives what is wrong in a spot that is loaded.
func (w *blockWorker) compare(s segment) (wrong []segment, err error) {
	theirs := w.got[:s.to-s.from]
	if err := w.t.readAt(theirs, s.Off+s.from); err != nil {
		return nil, classify.Wrap(err, classify.VerifyRead, "cannot read %s back at byte %d", w.t.cfg.Path, s.Off+s.from)
	}
	wrong = mismatchedBlocks(s, w.want[s.from:s.to], theirs)
	if (len(wrong) != 1 || wrong[0] != s) && !s.Matches(w.want[:s.Len]) { // some is right: so the digest must say
		if err := w.im.ReadRange(s.Range, w.want); err != nil {
			return nil, err
		}
		wrong = mismatchedBlocks(s, w.want[s.from:s.to], theirs)
	}
	if len(wrong) > 0 {
		w.t.oldSectors.note(w.want[s.from:s.to], theirs)
	}
	return wrong, nil
}

// mismatchedBlocks gives the blocks of a spot in which two texts differ, joined where they touch.
func mismatchedBlocks(s segment, ours, theirs []byte) (wrong []segment) {
	if bytes.Equal(ours, theirs) {
		return nil
	}
	for at := 0; at < len(ours); at += writeBlock {
		to := min(at+writeBlock, len(ours))
		if bytes.Equal(ours[at:to], theirs[at:to]) {
			continue
		}
		from := s.from + int64(at)
		if last := len(wrong) - 1; last >= 0 && wrong[last].to == from {
			wrong[last].to = s.from + int64(to)
			continue
		}
		wrong = append(wrong, segment{Range: s.Range, from: from, to: s.from + int64(to)})
	}
	return wrong
}

func (t *BlockDevice) writeError(err error, off int64) error {
	return classify.Wrap(err, classify.WriteFailed, "cannot write %s at byte %d", t.cfg.Path, off)
}

// padded is size, rounded up to whole sectors.
func (t *BlockDevice) padded(size int64) int64 { return roundUp(size, t.sector) }

// isAligned reports whether n bytes may go past the cache.
func isAligned(n int) bool { return n%4096 == 0 }

func (t *BlockDevice) readAt(p []byte, off int64) error {
	if t.direct != nil && (t.device || isAligned(len(p))) {
		_, err := io.ReadFull(io.NewSectionReader(t.direct, off, int64(len(p))), p)
		return err
	}
	dropCached(t.f, off, int64(len(p)))
	_, err := io.ReadFull(io.NewSectionReader(t.f, off, int64(len(p))), p)
	return err
}
