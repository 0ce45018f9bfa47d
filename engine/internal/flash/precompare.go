package flash

import (
	"sync"

	"github.com/flashlua/flashlua/engine/internal/image"
)

// Precompare compares a target with an image that is still being decoded: the medium is read meanwhile. It writes
// nothing, because the image may turn out to be damaged.
type Precompare struct {
	t    *BlockDevice
	mu   sync.Mutex // guards what follows but wg
	cond sync.Cond
	wg   sync.WaitGroup

	im             *image.Image // the image that the ranges are of
	queue          []image.Range
	results        map[image.Range][]segment // the wrong segments of each range
	consecutiveBad int                       // wrong ranges in a row
	done           bool
}

const (
	// sampleAfter is the number of wrong ranges in a row after which the medium probably holds something else.
	// Reading all of it is then not worth the time.
	sampleAfter = 16
	// sampleEvery means that from then on, one range of so many is compared.
	sampleEvery = 8
)

// StartPrecompare starts the comparison. Write or Close stops it.
func (t *BlockDevice) StartPrecompare() *Precompare {
	e := &Precompare{t: t, results: map[image.Range][]segment{}}
	e.cond.L = &e.mu
	t.precompare = e
	if t.f != nil {
		for range blockWorkers - 1 {
			e.wg.Go(e.work)
		}
	}
	return e
}

// Add queues a range of an image. Another image than before means that decoding started again.
func (e *Precompare) Add(im *image.Image, r image.Range) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.im != im {
		e.im, e.queue, e.results = im, nil, map[image.Range][]segment{}
	}
	e.queue = append(e.queue, r)
	e.cond.Signal()
}

// next returns the next range to compare. It waits for one, and is not ok once the comparison was stopped.
func (e *Precompare) next() (im *image.Image, r image.Range, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for {
		for len(e.queue) == 0 && !e.done {
			e.cond.Wait()
		}
		if e.done {
			return nil, r, false
		}
		r, e.queue = e.queue[0], e.queue[1:]
		if e.consecutiveBad < sampleAfter || r.Off/image.MaxRange%sampleEvery == 0 {
			return e.im, r, true
		}
	}
}

func (e *Precompare) work() {
	w, err := newBlockWorker(e.t, nil, pass{compare: true})
	if err != nil {
		return
	}
	defer w.close()
	for {
		im, r, ok := e.next()
		if !ok {
			return
		}
		w.im = im
		wrong, err := w.process(segment{Range: r, to: r.Len})
		e.mu.Lock()
		if err == nil && e.im == im { // Write meets the same error again
			e.results[r] = wrong
			if e.consecutiveBad++; len(wrong) == 0 {
				e.consecutiveBad = 0
			}
		}
		e.mu.Unlock()
	}
}

// stop stops the comparison and returns the wrong segments of each range of im that was compared. A nil Precompare
// has none.
func (e *Precompare) stop(im Image) map[image.Range][]segment {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	e.done = true
	e.cond.Broadcast()
	e.mu.Unlock()
	e.wg.Wait()
	if im != Image(e.im) {
		return nil
	}
	return e.results
}
