package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/flash"
	"github.com/flashlua/flashlua/engine/image"
	"github.com/flashlua/flashlua/engine/web"
)

// medium is one image of a run, where it goes, and what became of it.
type medium struct {
	part    Part
	target  flash.Target
	onRange func(*image.Image, image.Range) // is called with its ranges while it is unpacked; may be nil
	least   atomic.Int64                    // bytes of the image, of which there may be more until it is staged

	// The ledger's lock guards what follows.
	image       *image.Image // nil until it is staged
	device      string       // that the target turned out to be
	extents     []flash.Extent
	state       string
	changed     bool // a write is under way, and something was written
	rewritten   int  // ranges that read back wrong and were written again
	lastWrite   int64
	lastWriteAt time.Time // of the last write to the same disk
	receipt     flash.Receipt
	read        int64     // number of the read-back that the receipt is of; more than lastWrite
	readAt      time.Time // when the last read-back began
}

// proves reports whether a receipt is one of this medium and its image. The caller holds the ledger's lock.
func (m *medium) proves(r flash.Receipt) bool {
	return r.Valid() && m.image != nil && r.SHA256 == m.image.SHA256() && r.Target == m.target && r.Device == m.device
}

// proven reports whether a medium is known to hold its image. The caller holds the ledger's lock.
func (m *medium) proven() bool {
	return m.state == Verified && m.proves(m.receipt) && m.read > m.lastWrite
}

// sameDisk reports whether two media are on one disk, as far as that is known: what is written to one of them may be what
// the other one holds.
func sameDisk(a, b *medium) bool {
	for _, x := range a.extents {
		for _, y := range b.extents {
			if x.Disk == y.Disk {
				return true
			}
		}
	}
	return len(a.extents) == 0 || len(b.extents) == 0
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
		for _, m := range r.ledger.media {
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
			for _, m := range r.ledger.media {
				r.emit(Event{Type: EventNote, Text: "ready: " + m.describe()})
			}
		default:
		}
	}()
	return s
}

func (r *run) stageAll(ctx context.Context, s *staging, long func()) error {
	for _, m := range r.ledger.media {
		st := r.stager(m.part)
		st.Long, st.Found, st.Spare, st.Hurry = long, m.onRange, r.spare, s.late
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
		r.ledger.staged(m, im)
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
		for i, m := range r.ledger.media {
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

// unproven is the error of a run that ended well and has no proof, nil if it has. What it says is the ledger's.
func (r *run) unproven() error {
	if r.ledger.proven() {
		return nil
	}
	return classify.WithHint(classify.New(classify.FlashUnproven, "the flash ended without proof that %s holds the image", r.ledger.media[0].target),
		"write with sh:write(job), which verifies; what the script returned does not count")
}

// mediumState is what became of all media together.
func (r *run) mediumState() string { return r.ledger.state() }

// forget drops every receipt: the media may have changed since they were read.
func (r *run) forget() { r.ledger.voidAll() }

// mark records what became of all media, and drops every receipt.
func (r *run) mark(state string) { r.ledger.mark(state) }
