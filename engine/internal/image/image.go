// Package image opens what is to be written, from a file or the web: it owns downloads, formats, sizes and
// digests, and does not know where the bytes go.
package image

import (
	"context"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/input"
	"github.com/flashlua/flashlua/engine/internal/web"
)

// Image is an open image whose digest and ranges are known. A compressed one was decoded into a scratch file. It
// is safe for concurrent use.
type Image struct {
	ref     Ref
	size    int64
	sum     string // of the decoded image
	source  string // digest of the compressed file; "" if it is raw
	ranges  []Range
	f       *os.File
	mtime   time.Time // of a raw file
	private bool      // no other process can change the file
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

// CheckDigest returns an error unless sha256 is the digest of the image, compressed or decoded.
func (im *Image) CheckDigest(sha256 string) error {
	if strings.EqualFold(sha256, im.sum) || strings.EqualFold(sha256, im.source) {
		return nil
	}
	found := im.sum
	if im.source != "" {
		found = im.source + ", unpacked " + im.sum
	}
	return classify.WithHint(classify.New(classify.ImageMismatch, "the image %s has the sha256 %s, not %s", im.ref, found, sha256),
		"it is not the image that you expect: download or build it again")
}

// maxSums is the size of the largest digest file that is read, in bytes: that of a mirror with 100,000 files.
const maxSums = 16 << 20

var hexSum = regexp.MustCompile(`^[0-9A-Fa-f]{64}$`)

// ParseDigest returns the digest in text: 64 hex digits, or the path of a file in the format of sha256sum with a
// line for the image. The line is found by the last element of the image's path or URL.
func ParseDigest(text, imagePath string) (string, error) {
	if address, err := web.Parse(imagePath); err == nil {
		imagePath = address.Name()
	}
	if hexSum.MatchString(text) {
		return text, nil
	}
	list, err := input.Read(text, maxSums)
	if err != nil {
		return "", classify.WithHint(classify.Wrap(err, classify.Usage, "%q is neither a sha256 nor a file with one", text), "a sha256 has 64 hex digits")
	}
	lines := strings.Split(strings.TrimSpace(string(list)), "\n")
	for _, line := range lines {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		name = strings.TrimLeft(name, " *")
		if hexSum.MatchString(sum) && (filepath.Base(name) == filepath.Base(imagePath) || name == "" && len(lines) == 1) {
			return sum, nil
		}
	}
	return "", classify.New(classify.Usage, "%s has no sha256 for %s", text, filepath.Base(imagePath))
}
