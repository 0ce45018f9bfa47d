// Package image opens what is to be written, from a file or the web: it owns downloads, formats, sizes and
// digests, and does not know where the bytes go.
package image

import (
	"context"
	"crypto/sha256"
	"io"
	"os"
	"sync"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// Image is an open image whose digest and ranges are known. A compressed one was decoded into a scratch file. It
// is safe for concurrent use.
type Image struct {
	ref          Ref
	size         int64
	sum          string // of the decoded image
	source       string // digest of the compressed file; "" if it is raw
	sourceDigest digest // of the compressed file, of the wanted kind if that is not SHA-256
	ranges       []Range
	f            *os.File
	mtime        time.Time // of a raw file
	private      bool      // no other process can change the file
	digests      sync.Map  // of parts of the image, hex, by keys of RememberDigest
}

// RememberDigest returns the digest that key stands for. It calls compute unless a call did before: several boards that
// are flashed with one image need the same digests. Safe for concurrent use.
func (im *Image) RememberDigest(key any, compute func() (string, error)) (string, error) {
	if sum, ok := im.digests.Load(key); ok {
		return sum.(string), nil
	}
	sum, err := compute()
	if err == nil {
		im.digests.Store(key, sum)
	}
	return sum, err
}

// Open opens an image file without a cache.
func Open(ctx context.Context, ref Ref) (*Image, error) { return Stager{}.Open(ctx, ref) }

// ReadAt implements io.ReaderAt.
func (im *Image) ReadAt(p []byte, off int64) (int, error) { return im.f.ReadAt(p, off) }

// File returns the file that holds the decoded image.
func (im *Image) File() *os.File { return im.f }

// Path returns the path or address from which the image was opened, without secrets.
func (im *Image) Path() string { return im.ref.String() }

// Ranges returns the image's data and zeros, in order. Bytes outside of them are unmapped: a medium may hold
// anything there.
func (im *Image) Ranges() []Range { return im.ranges }

// ReadRange reads one of Ranges. It returns an error if the range has changed since the digest was computed.
func (im *Image) ReadRange(r Range, buf []byte) error {
	if r.Kind == Zero {
		clear(buf[:r.Len])
		return nil
	}
	if _, err := im.f.ReadAt(buf[:r.Len], r.Off); err != nil && err != io.EOF {
		return classify.Wrap(err, classify.ImageRead, "cannot read the image %s", im.ref)
	}
	if !r.Matches(buf[:r.Len]) {
		return im.errChanged(nil)
	}
	return nil
}

// Matches reports whether p, of the range's length, is the content from which the digest was computed.
func (r Range) Matches(p []byte) bool {
	if r.Kind == Zero {
		for b := range chunks(p) {
			if !zero(b) {
				return false
			}
		}
		return true
	}
	return sha256.Sum256(p) == r.sum
}

// Size returns the number of bytes to write.
func (im *Image) Size() int64 { return im.size }

// SHA256 returns the digest of the decoded image, in hex.
func (im *Image) SHA256() string { return im.sum }

// CheckUnchanged returns an error if the file was replaced or changed since it was opened. A downloaded or decoded
// image cannot change.
func (im *Image) CheckUnchanged() error {
	if im.private {
		return nil
	}
	st, err := os.Stat(string(im.ref))
	if err == nil {
		var open os.FileInfo
		if open, err = im.f.Stat(); err == nil && os.SameFile(st, open) && st.Size() == im.size && st.ModTime().Equal(im.mtime) {
			return nil
		}
	}
	return im.errChanged(err)
}

func (im *Image) errChanged(cause error) error {
	return classify.WithHint(&classify.Error{Kind: classify.ImageChanged, Msg: "the image " + im.ref.String() + " was changed while it was in use", Cause: cause},
		"write to another name and rename, then run again")
}

// Close closes the file.
func (im *Image) Close() error { return im.f.Close() }
