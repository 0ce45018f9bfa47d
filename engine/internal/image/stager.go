package image

import (
	"context"
	"io"
	"os"

	"github.com/flashlua/flashlua/engine/clock"
)

// Stager opens images: it downloads, decodes and scans them. The zero value uses no cache. It may be used
// concurrently.
type Stager struct {
	Clock      clock.Clock
	Digest     string                 // that the image must have, compressed or decoded, as ParseDigest returns it; "" for any
	Format     Format                 // of the file
	MaxSize    int64                  // bytes that the decoded image may have; 0 is no limit
	Stdin      io.Reader              // the content of Stdin; nil if there is none
	NoBlockMap bool                   // ignore a block map next to the image
	Cache      *Cache                 // keeps decoded images; nil keeps none
	Permit     func(f *os.File) error // refuses an image file or a block map that was just opened; nil refuses none
	CPUs       CPUs
	Observer   Observer

	space func(*os.File) (free, all int64, ok bool) // of the disk that a file is on; nil is diskSpace
}

// CPUs says how many CPUs a Stager leaves to the rest of the process.
type CPUs struct {
	Reserved int             // that are not used
	UseAll   <-chan struct{} // closed when the reserved ones may be used, too; nil is never
}

// Open opens the image at from. It refuses an image that has another digest than Digest.
func (s Stager) Open(ctx context.Context, from Ref) (*Image, error) {
	o, err := s.opener()
	if err != nil {
		return nil, err
	}
	im, err := o.open(ctx, from)
	if err == nil {
		if err = o.bounds.allowed(im.ref, "", im.size, true); err != nil { // not checked yet if it was in the cache
			im.Close()
		}
	}
	if err == nil {
		if err = o.checkDigest(ctx, im); err != nil {
			im.Close()
		}
	}
	if err != nil {
		return nil, err
	}
	return im, nil
}

// opener opens one image.
type opener struct {
	Stager        // with all defaults set
	digest digest // that the image must have; the zero value for any
	work   *workMeter
	bounds bounds
	alone  bool // does not wait for other runs any more
}

// opener returns an opener for one image.
func (s Stager) opener() (*opener, error) {
	if s.Clock == nil {
		s.Clock = clock.Real{}
	}
	if s.Permit == nil {
		s.Permit = func(*os.File) error { return nil }
	}
	if s.space == nil {
		s.space = diskSpace
	}
	s.Observer = s.Observer.withDefaults()
	want, err := parseDigest(s.Digest)
	if err != nil {
		return nil, err
	}
	if s.Format, err = ParseFormat(string(s.Format)); err != nil {
		return nil, err
	}
	work := &workMeter{slow: s.Observer.Slow, alive: aliveSigns{clock: s.Clock}}
	return &opener{Stager: s, digest: want, work: work, bounds: bounds{s.MaxSize, s.Cache, s.Clock, s.space}}, nil
}
