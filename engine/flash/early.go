package flash

import (
	"sync"

	"github.com/flashlua/flashlua/engine/image"
)

// Early compares a target with an image that is still being unpacked: the medium is read meanwhile, and nothing of it is
// written before the image is known to be sound.
type Early struct {
	t    *LocalTarget
	mu   sync.Mutex
	more sync.Cond
	all  sync.WaitGroup

	im    *image.Image // that the ranges are of
	queue []image.Range
	seen  map[image.Range][]spot // what is wrong in a range
	wrong int                    // ranges in a row that were
	over  bool
}

const (
	// manyWrong ranges in a row are a medium with something else on it, which is not worth its reading.
	manyWrong = 16
	// onlyEvery so many ranges are looked at then.
	onlyEvery = 8
)

// Early begins. The caller ends it by Write.
func (t *LocalTarget) Early() *Early {
	e := &Early{t: t, seen: map[image.Range][]spot{}}
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
func (e *Early) Found(im *image.Image, r image.Range) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.im != im {
		e.im, e.queue, e.seen = im, nil, map[image.Range][]spot{}
	}
	e.queue = append(e.queue, r)
	e.more.Signal()
}

// next gives the next range to look at.
func (e *Early) next() (im *image.Image, r image.Range, ok bool) {
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
		if e.wrong < manyWrong || r.Off/image.Piece%onlyEvery == 0 {
			return e.im, r, true
		}
	}
}

func (e *Early) work() {
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
		wrong, err := w.spot(spot{Range: r, to: r.Len})
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
func (e *Early) end(im Image) map[image.Range][]spot {
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
