package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// stagedImage is an image that a staging opens. Safe for concurrent use once its staging has started.
type stagedImage struct {
	from    image.Ref
	digest  string                          // that the image must have, as image.ParseDigest returns it; "" for any
	onRange func(*image.Image, image.Range) // is called with each range as soon as it can be read; may be nil

	borrowed bool // it is a shared one, which the staging does not close; final once the staging is over

	minSize atomic.Int64 // bytes that the image has at least; grows until it is open
	opened  atomic.Pointer[image.Image]
}

// image returns the open image, nil until it is staged.
func (s *stagedImage) image() *image.Image { return s.opened.Load() }

// describe returns path, size and digest. The image must be staged.
func (s *stagedImage) describe() string {
	im := s.image()
	return fmt.Sprintf("%s, %d bytes, sha256 %s", im.Path(), im.Size(), im.SHA256())
}

// staging opens the images of a run in a goroutine of its own, one after another: it downloads, decompresses and
// checks them. Its methods are safe for concurrent use once it has started.
type staging struct {
	stager image.Stager // what all images have in common
	events *emitter
	images []*stagedImage // not changed after start

	shared  *SharedImages // that are open already; nil are none
	options imageOptions

	slow        chan struct{} // closed when it takes longer than a moment, or is over
	needed      chan struct{} // closed when the board waits for the images
	done        chan struct{} // closed when it is over
	sizeChanged chan struct{} // has an element when a minSize has grown
	err         error         // final once done is closed

	closeSlow, closeNeeded func()
}

func newStaging(stager image.Stager, events *emitter, images ...*stagedImage) *staging {
	s := &staging{
		stager: stager, events: events, images: images,
		slow: make(chan struct{}), needed: make(chan struct{}), done: make(chan struct{}), sizeChanged: make(chan struct{}, 1),
	}
	s.closeSlow = sync.OnceFunc(func() { close(s.slow) })
	s.closeNeeded = sync.OnceFunc(func() { close(s.needed) })
	return s
}

// checkExist returns an error for a file that certainly is no image. It is quick, unless the file system stalls.
func (s *staging) checkExist(ctx context.Context) error {
	for _, im := range s.images {
		if _, err := callAbandonable(ctx, s.stager.Clock, "the opening of the image "+im.from.String(), func() (struct{}, error) {
			return struct{}{}, im.from.CheckExists()
		}, func(struct{}) {}); err != nil {
			return err
		}
	}
	return nil
}

// start begins to open the images, with reservedCPUs left to others until useAllCPUs. stop ends that, and closes
// the images.
func (s *staging) start(ctx context.Context, reservedCPUs int) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer s.closeSlow() // after done: a receiver of slow can rely on it
		defer close(s.done)
		if s.err = recovered(func() error { return s.openAll(ctx, reservedCPUs) }); s.err != nil {
			return
		}
		select {
		case <-s.slow:
			for _, im := range s.images {
				s.events.note("ready: " + im.describe())
			}
		default:
		}
	}()
	return func() error {
		cancel()
		<-s.done
		for _, im := range s.images {
			if open := im.image(); open != nil && !im.borrowed {
				open.Close()
			}
		}
		return nil
	}
}

func (s *staging) openAll(ctx context.Context, reservedCPUs int) error {
	for _, im := range s.images {
		if open := s.shared.find(imageKey{im.from, im.digest, s.options}); open != nil {
			im.borrowed = true
			im.opened.Store(open)
			continue
		}
		st := s.stager
		st.Digest, st.CPUs = im.digest, image.CPUs{Reserved: reservedCPUs, UseAll: s.needed}
		st.Observer.Range, st.Observer.Slow = im.onRange, s.closeSlow
		st.Observer.MinSize = func(size int64) {
			im.minSize.Store(size)
			select {
			case s.sizeChanged <- struct{}{}:
			default:
			}
		}
		opened, err := st.Open(ctx, im.from)
		if err != nil {
			return err
		}
		if len(opened.Ranges()) == 0 {
			opened.Close()
			return classify.New(classify.ImageEmpty, "nothing in the image %s matters: there is nothing to write", im.from)
		}
		im.opened.Store(opened)
	}
	return nil
}

// isReady reports whether no image has to be waited for.
func (s *staging) isReady() bool {
	if len(s.images) == 0 {
		return true
	}
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// wait waits until enough is closed, slow or done. It returns the error of the staging if that is over.
func (s *staging) wait(ctx context.Context, enough <-chan struct{}) error {
	select {
	case <-enough:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// waitReady waits until all images are staged. An error of the staging is fatal then: another attempt would fail
// the same way.
func (s *staging) waitReady(ctx context.Context) error {
	select {
	case <-s.done:
		return classify.MarkFatal(s.err)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// waitFits waits until all images are staged. It calls fit whenever the minSize of an image has grown, and returns
// its error at once.
func (s *staging) waitFits(ctx context.Context, fit func() error) error {
	for !s.isReady() {
		if err := fit(); err != nil {
			return err
		}
		select {
		case <-s.sizeChanged:
		case <-s.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return s.waitReady(ctx)
}

// useAllCPUs must be called before the board waits for the images. It returns an error if there are none.
func (s *staging) useAllCPUs() error {
	if len(s.images) == 0 {
		return classify.New(classify.ConfigPlan, "there is no image to write")
	}
	s.closeNeeded()
	return nil
}

// cancelIfFailed returns a context that ends when an image turns out to be of no use.
func (s *staging) cancelIfFailed(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	if len(s.images) > 0 {
		go func() {
			if err := s.waitReady(ctx); err != nil {
				cancel(err)
			}
		}()
	}
	return ctx, func() { cancel(context.Canceled) }
}
