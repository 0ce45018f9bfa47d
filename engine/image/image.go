// Package image opens what is to be written: it owns formats, sizes and digests, and does not know where the bytes go.
package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// Image is an open raw image whose digest is known. ReadAt may be called from many goroutines.
type Image struct {
	path  string
	size  int64
	sum   string
	f     *os.File
	mtime time.Time
}

// formats are what must not be written as it is. Sources: the formats' specifications.
var formats = []struct {
	name, magic, tool string
}{
	{"gzip", "\x1f\x8b", "gunzip -k"},
	{"xz", "\xfd7zXZ\x00", "xz -dk"},
	{"zstd", "\x28\xb5\x2f\xfd", "zstd -d"},
	{"bzip2", "BZh", "bunzip2 -k"},
	{"lz4", "\x04\x22\x4d\x18", "lz4 -d"},
	{"Android sparse", "\x3a\xff\x26\xed", "simg2img"},
}

// Open opens an image and reads it once for its digest.
func Open(ctx context.Context, path string) (*Image, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO without a writer would hang
	if err != nil {
		return nil, classify.WithHint(classify.Wrap(err, classify.ImageMissing, "cannot open the image"), "check the path after --image")
	}
	im, err := digest(ctx, path, f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return im, nil
}

func digest(ctx context.Context, path string, f *os.File) (*Image, error) {
	st, err := f.Stat()
	switch {
	case err != nil:
		return nil, classify.Wrap(err, classify.ImageRead, "cannot read the image")
	case !st.Mode().IsRegular():
		return nil, classify.WithHint(classify.New(classify.ImageMissing, "the image %s is not a regular file", path), "name a file after --image")
	case st.Size() == 0:
		return nil, classify.New(classify.ImageEmpty, "the image %s is empty", path)
	}
	if err := refuse(path, f); err != nil {
		return nil, err
	}
	h := sha256.New()
	n, err := io.Copy(h, reader{ctx, io.NewSectionReader(f, 0, st.Size())})
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, classify.Wrap(err, classify.ImageRead, "cannot read the image %s", path)
	case n != st.Size():
		return nil, classify.New(classify.ImageChanged, "the image %s shrank while it was read", path)
	}
	return &Image{path: path, size: n, sum: hex.EncodeToString(h.Sum(nil)), f: f, mtime: st.ModTime()}, nil
}

// refuse keeps compressed images from being written as they are.
func refuse(path string, f *os.File) error {
	head := make([]byte, 8)
	if n, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return classify.Wrap(err, classify.ImageRead, "cannot read the image %s", path)
	} else {
		head = head[:n]
	}
	for _, x := range formats {
		if bytes.HasPrefix(head, []byte(x.magic)) {
			return classify.WithHint(classify.New(classify.ImageFormat, "the image %s is in %s format, only raw images can be written", path, x.name),
				"unpack it first: %s %s", x.tool, path)
		}
	}
	return nil
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// ReadAt implements io.ReaderAt.
func (im *Image) ReadAt(p []byte, off int64) (int, error) { return im.f.ReadAt(p, off) }

// Path is where the image was opened.
func (im *Image) Path() string { return im.path }

// Size is the number of bytes to write.
func (im *Image) Size() int64 { return im.size }

// SHA256 is the digest of exactly Size bytes, in hex.
func (im *Image) SHA256() string { return im.sum }

// Unchanged reports whether the file is still the one that was opened; its digest is of no use otherwise.
func (im *Image) Unchanged() error {
	st, err := os.Stat(im.path)
	if err == nil {
		var open os.FileInfo
		if open, err = im.f.Stat(); err == nil && os.SameFile(st, open) && st.Size() == im.size && st.ModTime().Equal(im.mtime) {
			return nil
		}
	}
	return classify.WithHint(&classify.Error{Kind: classify.ImageChanged, Msg: "the image " + im.path + " was changed while it was in use", Cause: err},
		"write to another name and rename, then run again")
}

// Close closes the file.
func (im *Image) Close() error { return im.f.Close() }
