package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/flash"
	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/web"
)

// medium is one image of a run, where it goes, and what became of it.
type medium struct {
	source  Part
	target  flash.Target
	onRange func(*image.Image, image.Range) // is called with its ranges while it is unpacked; may be nil
	minSize atomic.Int64                    // bytes of the image, of which there may be more until it is staged

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
	slow        chan struct{} // closed when it takes longer than a moment, or is over
	needed      chan struct{} // closed when somebody waits for it
	done        chan struct{} // closed when it is over
	sizeChanged chan struct{} // has something when an image was found to be larger
	err         error         // for good; to be read when done is closed

	needNow func() // closes late
}

// startStaging begins to open the images, one after another.
func (r *run) startStaging(ctx context.Context) *staging {
	s := &staging{slow: make(chan struct{}), needed: make(chan struct{}), done: make(chan struct{}), sizeChanged: make(chan struct{}, 1)}
	s.needNow = sync.OnceFunc(func() { close(s.needed) })
	long := sync.OnceFunc(func() { close(s.slow) })
	ctx, cancel := context.WithCancel(ctx)
	r.onCleanup("image", func() error {
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
		if s.err = r.recoverPanic(func() error { return r.stageAll(ctx, s, long) }); s.err != nil {
			return
		}
		select {
		case <-s.slow: // nobody waited for it: tell
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
		st := r.newStager(m.source)
		st.OnSlow, st.OnRange, st.ReservedCPUs, st.UseAllCPUs = long, m.onRange, r.reservedCPUs, s.needed
		st.OnMinSize = func(size int64) {
			m.minSize.Store(size)
			select {
			case s.sizeChanged <- struct{}{}:
			default:
			}
		}
		im, err := st.Open(ctx, m.source.Image)
		if err == nil && len(im.Ranges()) == 0 {
			im.Close()
			err = classify.New(classify.ImageEmpty, "nothing in the image %s matters: there is nothing to write", web.Mask(m.source.Image))
		}
		if err != nil {
			return err
		}
		r.ledger.staged(m, im)
	}
	return nil
}

// newStager opens an image and tells how it goes.
func (r *run) newStager(p Part) image.Stager {
	return image.Stager{
		Clock: r.Clock, SHA256: p.SHA256, MaxSize: r.job.MaxSize, Stdin: r.Stdin, Cache: r.Cache.inner(), Permit: r.grants.permitRead,
		Progress: r.progress,
		Note:     func(text string) { r.emit(Event{Type: EventNote, Text: text}) },
	}
}

// describe tells what is written. The image must be staged.
func (m *medium) describe() string {
	return fmt.Sprintf("%s, %d bytes, sha256 %s", m.image.Path(), m.image.Size(), m.image.SHA256())
}

// waitStaged waits until the images are staged. What went wrong then goes wrong in every attempt.
func (r *run) waitStaged(ctx context.Context) error {
	select {
	case <-r.staging.done:
		return classify.MarkFatal(r.staging.err)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// waitStagedAndFits is ready for targets that are known: fits refuses the image of a medium if it has so many bytes, or more.
func (r *run) waitStagedAndFits(ctx context.Context, fits func(i int, size int64) error) error {
	for {
		select {
		case <-r.staging.done:
			return r.waitStaged(ctx)
		default:
		}
		for i, m := range r.ledger.media {
			if err := fits(i, m.minSize.Load()); err != nil {
				return err
			}
		}
		select {
		case <-r.staging.sizeChanged:
		case <-r.staging.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// needImages is for whoever will soon have nothing to do but to wait for the images. It fails if there are none.
func (r *run) needImages() error {
	if r.staging == nil {
		return classify.New(classify.ConfigPlan, "there is no image to write")
	}
	r.staging.needNow()
	return nil
}

// waitNow is hurry and ready.
func (r *run) waitNow(ctx context.Context) error {
	if err := r.needImages(); err != nil {
		return err
	}
	return r.waitStaged(ctx)
}

// cancelIfStagingFails gives a context that ends if the images turn out to be of no use.
func (r *run) cancelIfStagingFails(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	if r.staging != nil {
		go func() {
			if err := r.waitStaged(ctx); err != nil {
				cancel(err)
			}
		}()
	}
	return ctx, func() { cancel(context.Canceled) }
}

// proofError is the error of a run that ended well and has no proof, nil if it has. What it says is the ledger's.
func (r *run) proofError() error {
	if r.ledger.proven() {
		return nil
	}
	return classify.WithHint(classify.New(classify.FlashUnverified, "the flash ended without proof that %s holds the image", r.ledger.media[0].target),
		"write with sh:write(job), which verifies; what the script returned does not count")
}

// mediaState is what became of all media together.
func (r *run) mediaState() string { return r.ledger.state() }

// voidReceipts drops every receipt: the media may have changed since they were read.
func (r *run) voidReceipts() { r.ledger.voidAll() }

// markMedia records what became of all media, and drops every receipt.
func (r *run) markMedia(state string) { r.ledger.mark(state) }
