package flash

import (
	"sync"

	"github.com/flashlua/flashlua/engine/internal/image"
)

// Precompare compares a target with an image that is still being unpacked: the medium is read meanwhile, and nothing of it is
// written before the image is known to be sound.
type Precompare struct {
	t    *LocalTarget
	mu   sync.Mutex
	more sync.Cond
	all  sync.WaitGroup

	im    *image.Image // that the ranges are of
	queue []image.Range
	seen  map[image.Range][]segment // what is wrong in a range
	wrong int                       // ranges in a row that were
	over  bool
}

const (
	// sampleAfter ranges in a row are a medium with something else on it, which is not worth its reading.
	sampleAfter = 16
	// sampleEvery so many ranges are looked at then.
	sampleEvery = 8
)

// Early begins. The caller ends it by Write.
func (t *LocalTarget) Early() *Precompare {
	e := &Precompare{t: t, seen: map[image.Range][]segment{}}
	e.more.L = &e.mu
	t.early = e
	if t.f != nil {
		for range localWorkers - 1 {
			e.all.Go(e.work)
		}
	}
	return e
}

// Found takes a range of an image. Another image than before is one that is unpacked anew.
func (e *Precompare) Found(im *image.Image, r image.Range) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.im != im {
		e.im, e.queue, e.seen = im, nil, map[image.Range][]segment{}
	}
	e.queue = append(e.queue, r)
	e.more.Signal()
}

// next gives the next range to look at.
func (e *Precompare) next() (im *image.Image, r image.Range, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for {
		for len(e.queue) == 0 && !e.over {
			e.more.Wait()
		}
		if e.over {
			return nil, r, false
		}
		r, e.queue = e.queue[0], e.queue[1:]
		if e.wrong < sampleAfter || r.Off/image.MaxRange%sampleEvery == 0 {
			return e.im, r, true
		}
	}
}

func (e *Precompare) work() {
	w, err := newLocalWorker(e.t, nil, how{compare: true})
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
			e.seen[r] = wrong
			if e.wrong++; len(wrong) == 0 {
				e.wrong = 0
			}
		}
		e.mu.Unlock()
	}
}

// end stops and gives what was seen of an image.
func (e *Precompare) end(im Image) map[image.Range][]segment {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	e.over = true
	e.more.Broadcast()
	e.mu.Unlock()
	e.all.Wait()
	if im != Image(e.im) {
		return nil
	}
	return e.seen
}
