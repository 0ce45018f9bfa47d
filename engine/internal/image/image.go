// Package image opens what is to be written, from a file or the web: it owns downloads, formats, sizes and digests, and
// does not know where the bytes go.
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

// Image is an open image whose digest and ranges are known. A packed one was unpacked into a file of its own. ReadAt may
// be called from many goroutines.
type Image struct {
	ref     Ref
	size    int64
	sum     string // of what is written
	source  string // digest of the file, if that is packed
	ranges  []Range
	f       *os.File
	mtime   time.Time // of the file, if it is written as it is
	private bool      // nobody else changes the file
}

// Open opens an image file and keeps nothing of it; a Stager does that.
func Open(ctx context.Context, ref Ref) (*Image, error) { return Stager{}.Open(ctx, ref) }

// ReadAt implements io.ReaderAt.
func (im *Image) ReadAt(p []byte, off int64) (int, error) { return im.f.ReadAt(p, off) }

// File is the file that the image is in as it is written.
func (im *Image) File() *os.File { return im.f }

// Path is where the image was opened, without what is secret in an address.
func (im *Image) Path() string { return im.ref.String() }

// Ranges are the image's data and zeros, in order. What is in none of them does not matter.
func (im *Image) Ranges() []Range { return im.ranges }

// ReadRange reads one of Ranges, and fails if it is not what it was when the digest was made.
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

// Matches reports whether p, of the range's length, is what the image had there when the digest was made.
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

// Size is the number of bytes to write.
func (im *Image) Size() int64 { return im.size }

// SHA256 is the digest of exactly Size bytes, in hex.
func (im *Image) SHA256() string { return im.sum }

// CheckUnchanged reports whether the file is still the one that was opened; its digest is of no use otherwise. What was
// downloaded or unpacked cannot change.
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

// CheckDigest compares the image with a digest that the operator expects, of the file or of what is packed in it.
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

// maxSums is the longest file of digests that is read, in bytes: that of a mirror with 100,000 files.
const maxSums = 16 << 20

var hexSum = regexp.MustCompile(`^[0-9A-Fa-f]{64}$`)

// ParseDigest reads a digest: 64 hex digits, or a file as sha256sum writes it, with a line for the image, which is found by
// the last element of its path or address.
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
