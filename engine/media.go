package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/flash"
	"github.com/flashlua/flashlua/engine/image"
	"github.com/flashlua/flashlua/engine/web"
)

// medium is one image of a run, where it goes, and what became of it.
type medium struct {
	part   Part
	target flash.Target
	found  func(*image.Image, image.Range) // wants to know of its ranges early; may be nil
	least  atomic.Int64                    // bytes of the image, of which there may be more until it is staged
	image  *image.Image                    // nil until it is staged

	device  string // that the target turned out to be
	state   string
	receipt flash.Receipt

	rewritten int // ranges that read back wrong and were written again
}

// staging is the images of a run on their way: fetched, unpacked and known.
type staging struct {
	long chan struct{} // closed when it takes longer than a moment, or is over
	late chan struct{} // closed when somebody waits for it
	done chan struct{} // closed when it is over
	grew chan struct{} // has something when an image was found to be larger
	err  error         // for good; to be read when done is closed

	hurry func() // closes late
}

// stage begins to open the images, one after another.
func (r *run) stage(ctx context.Context) *staging {
	s := &staging{long: make(chan struct{}), late: make(chan struct{}), done: make(chan struct{}), grew: make(chan struct{}, 1)}
	s.hurry = sync.OnceFunc(func() { close(s.late) })
	long := sync.OnceFunc(func() { close(s.long) })
	ctx, cancel := context.WithCancel(ctx)
	r.defers("image", func() error {
		cancel()
		<-s.done
		for _, m := range r.media {
			if m.image != nil {
				m.image.Close()
			}
		}
		return nil
	})
	go func() {
		defer long() // after done: who wakes up then finds that it is over
		defer close(s.done)
		if s.err = r.guard(func() error { return r.stageAll(ctx, s, long) }); s.err != nil {
			return
		}
		select {
		case <-s.long: // nobody waited for it: tell
			for _, m := range r.media {
				r.emit(Event{Type: EventNote, Text: "ready: " + m.describe()})
			}
		default:
		}
	}()
	return s
}

func (r *run) stageAll(ctx context.Context, s *staging, long func()) error {
	for _, m := range r.media {
		st := r.stager(m.part)
		st.Long, st.Found, st.Spare, st.Hurry = long, m.found, r.spare, s.late
		st.Least = func(size int64) {
			m.least.Store(size)
			select {
			case s.grew <- struct{}{}:
			default:
			}
		}
		im, err := st.Open(ctx, m.part.Image)
		if err == nil && len(im.Ranges()) == 0 {
			im.Close()
			err = classify.New(classify.ImageEmpty, "nothing in the image %s matters: there is nothing to write", web.Mask(m.part.Image))
		}
		if err != nil {
			return err
		}
		r.mu.Lock()
		m.image = im
		r.mu.Unlock()
	}
	return nil
}

// stager opens an image and tells how it goes.
func (r *run) stager(p Part) image.Stager {
	return image.Stager{
		Clock: r.Clock, SHA256: p.SHA256, MaxSize: r.job.MaxSize, Stdin: r.Stdin, Cache: r.Cache, Permit: r.grants.permitRead,
		Progress: r.progress,
		Note:     func(text string) { r.emit(Event{Type: EventNote, Text: text}) },
	}
}

// describe tells what is written. The image must be staged.
func (m *medium) describe() string {
	return fmt.Sprintf("%s, %d bytes, sha256 %s", m.image.Path(), m.image.Size(), m.image.SHA256())
}

// ready waits until the images are staged. What went wrong then goes wrong in every attempt.
func (r *run) ready(ctx context.Context) error {
	select {
	case <-r.staging.done:
		return classify.Fatal(r.staging.err)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// readyFor is ready for targets that are known: fits refuses the image of a medium if it has so many bytes, or more.
func (r *run) readyFor(ctx context.Context, fits func(i int, size int64) error) error {
	for {
		select {
		case <-r.staging.done:
			return r.ready(ctx)
		default:
		}
		for i, m := range r.media {
			if err := fits(i, m.least.Load()); err != nil {
				return err
			}
		}
		select {
		case <-r.staging.grew:
		case <-r.staging.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// hurry is for whoever will soon have nothing to do but to wait for the images. It fails if there are none.
func (r *run) hurry() error {
	if r.staging == nil {
		return classify.New(classify.ConfigPlan, "there is no image to write")
	}
	r.staging.hurry()
	return nil
}

// await is hurry and ready.
func (r *run) await(ctx context.Context) error {
	if err := r.hurry(); err != nil {
		return err
	}
	return r.ready(ctx)
}

// whileStaging gives a context that ends if the images turn out to be of no use.
func (r *run) whileStaging(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	if r.staging != nil {
		go func() {
			if err := r.ready(ctx); err != nil {
				cancel(err)
			}
		}()
	}
	return ctx, func() { cancel(context.Canceled) }
}

// proven reports whether every medium is known to hold its image.
func (r *run) proven() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.media {
		if !m.receipt.Valid() || m.state != Verified || m.receipt.SHA256 != m.image.SHA256() || m.receipt.Target != m.target {
			return false
		}
	}
	return len(r.media) > 0
}

// mediumState is what became of all media together.
func (r *run) mediumState() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stateOf()
}

// stateOf is for whoever holds mu: what they have in common; partial, if some were written and others were not.
func (r *run) stateOf() string {
	state := r.state
	for i, m := range r.media {
		switch {
		case i == 0 || state == m.state:
			state = m.state
		case state == Written && m.state == Verified || state == Verified && m.state == Written:
			state = Written
		default:
			state = Partial
		}
	}
	return state
}

// forget takes the proof back: what it saw may be gone.
func (r *run) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.media {
		m.receipt = flash.Receipt{}
		if m.state == Verified {
			m.state = r.unproven()
		}
	}
}

// unproven is the state of a medium that was done with and is not known to hold the image.
func (r *run) unproven() string {
	if r.job.VerifyOnly {
		return Untouched
	}
	return Written
}

// mark records what became of all media. It takes the proof back.
func (r *run) mark(state string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = state
	for _, m := range r.media {
		m.state, m.receipt = state, flash.Receipt{}
	}
}

// markOne records what became of one medium. Anything but Verified takes the proof back.
func (r *run) markOne(m *medium, state string, receipt flash.Receipt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.state, m.receipt = state, receipt
}

// found records which device a target turned out to be.
func (r *run) found(m *medium, device string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.device = device
}

// rewrote records how many ranges had to be written again.
func (r *run) rewrote(m *medium, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.rewritten = n
}
