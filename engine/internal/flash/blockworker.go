package flash

import (
	"context"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// blockWorkers read, compare and write concurrently: a medium that can read and write at once is kept busy both
// ways.
const blockWorkers = 3

// pass says what is done with segments.
type pass struct {
	compare            bool // read them, and skip those that are right
	tolerateReadErrors bool // treat an unreadable segment as wrong: writing may make it readable
	repair             bool // write those that are wrong
}

// process runs blockWorkers over segments. It returns those that were wrong, or were not compared.
func (w *BlockWriter) process(ctx context.Context, step string, segments []segment, do pass) (found []segment, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		next, done atomic.Int64
		mu         sync.Mutex // guards found
		wg         sync.WaitGroup
	)
	total := bytesOf(segments)
	for range min(blockWorkers, len(segments)) {
		wg.Go(func() {
			worker, err := newBlockWorker(w.dev, w.im, do)
			if err != nil {
				cancel(err)
				return
			}
			defer worker.close()
			for i := next.Add(1) - 1; i < int64(len(segments)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				wrong, err := worker.process(segments[i])
				if err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				found = append(found, wrong...)
				mu.Unlock()
				if n := done.Add(segments[i].to - segments[i].from); w.dev.cfg.Progress != nil && step != "" {
					w.dev.cfg.Progress(step, n, total)
				}
			}
		})
	}
	wg.Wait()
	slices.SortFunc(found, func(a, b segment) int { return int((a.Off + a.from - b.Off - b.from) / w.dev.sector) })
	return found, context.Cause(ctx)
}

// blockWorker has buffers for one range of the image and of the medium.
type blockWorker struct {
	dev       *BlockDevice
	im        Image
	pass      pass
	want, got []byte
}

func newBlockWorker(t *BlockDevice, im Image, do pass) (*blockWorker, error) {
	w := &blockWorker{dev: t, im: im, pass: do}
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

// load reads a range of the image without checking its digest. compare checks it where part of the range is kept;
// Verify checks the rest.
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

// process compares a segment, if the pass says so, and writes what is wrong.
func (w *blockWorker) process(s segment) (wrong []segment, err error) {
	if err := w.load(s.Range); err != nil {
		return nil, err
	}
	end := w.dev.padded(s.Len)
	clear(w.want[s.Len:end])
	if s.to == s.Len {
		s.to = end
	}
	compare := w.pass.compare && !s.wrong
	s.wrong = false // unknown once it is written
	wrong = []segment{s}
	if compare {
		if wrong, err = w.compare(s); err != nil && !(w.pass.tolerateReadErrors && classify.Facts(err).Kind == classify.VerifyRead) {
			return nil, err
		}
		if err != nil {
			wrong = []segment{s}
			w.dev.oldSectors.markUnknown()
		}
	}
	if w.pass.repair && len(wrong) > 0 {
		w.dev.beforeWrite()
		for _, x := range wrong {
			if x.Kind == image.Zero && w.dev.zeroRange(x.Off+x.from, x.to-x.from) == nil {
				continue
			}
			if err := w.dev.writeAt(w.want[x.from:x.to], x.Off+x.from); err != nil {
				return nil, w.dev.writeError(err, x.Off+x.from)
			}
		}
	}
	return wrong, nil
}

// compare returns what is wrong in a segment that is loaded.
func (w *blockWorker) compare(s segment) (wrong []segment, err error) {
	got := w.got[:s.to-s.from]
	if err := w.dev.readAt(got, s.Off+s.from); err != nil {
		return nil, classify.Wrap(err, classify.VerifyRead, "cannot read %s back at byte %d", w.dev.cfg.Path, s.Off+s.from)
	}
	wrong = mismatchedBlocks(s, w.want[s.from:s.to], got)
	if (len(wrong) != 1 || wrong[0] != s) && !s.Matches(w.want[:s.Len]) { // part of it is right and is kept: check the digest of the image
		if err := w.im.ReadRange(s.Range, w.want); err != nil {
			return nil, err
		}
		wrong = mismatchedBlocks(s, w.want[s.from:s.to], got)
	}
	if len(wrong) > 0 {
		w.dev.oldSectors.note(w.want[s.from:s.to], got)
	}
	return wrong, nil
}
