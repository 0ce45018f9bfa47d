package flash

import (
	"sync"

	"github.com/flashlua/flashlua/engine/internal/image"
)

// Precompare compares a target with an image that is still being unpacked: the medium is read meanwhile, and nothing of it is
// written before the image is known to be sound.
type Precompare struct {
	t    *BlockDevice
	mu   sync.Mutex
	cond sync.Cond
	wg   sync.WaitGroup

	im             *image.Image // that the ranges are of
	queue          []image.Range
	results        map[image.Range][]segment // what is wrong in a range
	consecutiveBad int                       // ranges in a row that were
	done           bool
}

const (
	// sampleAfter ranges in a row are a medium with something else on it, which is not worth its reading.
	sampleAfter = 16
	// sampleEvery so many ranges are looked at then.
	sampleEvery = 8
)

// StartPrecompare begins. The caller ends it by Write.
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

// Add takes a range of an image. Another image than before is one that is unpacked anew.
func (e *Precompare) Add(im *image.Image, r image.Range) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.im != im {
		e.im, e.queue, e.results = im, nil, map[image.Range][]segment{}
	}
	e.queue = append(e.queue, r)
	e.cond.Signal()
}

// next gives the next range to look at.
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
		if err == nil && e.im == im { // an error is for Write to find again
			e.results[r] = wrong
			if e.consecutiveBad++; len(wrong) == 0 {
				e.consecutiveBad = 0
			}
		}
		e.mu.Unlock()
	}
}

// stop stops and gives what was seen of an image.
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
