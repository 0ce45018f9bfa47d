// Package image opens what is to be written, from a file or the web: it owns downloads, formats, sizes and digests, and
// does not know where the bytes go.
package image

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/web"
)

// Image is an open image whose digest is known. A packed one was unpacked into a file of its own. ReadAt may be called
// from many goroutines.
type Image struct {
	path   string
	size   int64
	sum    string // of what is written
	source string // digest of the file, if that is packed
	f      *os.File
	mtime  time.Time // of the file, if it is written as it is
	own    bool      // nobody else can reach the file
}

// Open opens an image, unpacks it if it is packed, and reads it once for its digest.
func Open(ctx context.Context, path string) (*Image, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO without a writer would hang
	if err != nil {
		return nil, classify.WithHint(classify.Wrap(err, classify.ImageMissing, "cannot open the image"), "check the path after --image")
	}
	im, err := read(ctx, path, f, filepath.Base(path))
	if err != nil || im.f != f {
		f.Close()
	}
	return im, err
}

// read reads a file, which is told of as path and was named name by whoever made it.
func read(ctx context.Context, path string, f *os.File, name string) (*Image, error) {
	st, err := f.Stat()
	switch {
	case err != nil:
		return nil, classify.Wrap(err, classify.ImageRead, "cannot read the image")
	case !st.Mode().IsRegular():
		return nil, classify.WithHint(classify.New(classify.ImageMissing, "the image %s is not a regular file", path), "name a file after --image")
	case st.Size() == 0:
		return nil, classify.New(classify.ImageEmpty, "the image %s is empty", path)
	}
	packed, err := formatOf(f)
	if err != nil {
		return nil, classify.Wrap(err, classify.ImageRead, "cannot read the image %s", path)
	}
	if claimed := named(name); packed == nil && claimed != "" {
		return nil, classify.WithHint(classify.New(classify.ImageFormat, "the image %s has the name of a %s file and is none", path, claimed),
			"it is damaged, or not what was asked for: download or build it again; rename it if it is raw")
	}
	content := reader{ctx, io.NewSectionReader(f, 0, st.Size())}
	if packed != nil {
		return unpack(ctx, path, packed, content)
	}
	h := sha256.New()
	n, err := io.Copy(h, content)
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

// formatOf tells how a file is packed, nil if it is not.
func formatOf(f *os.File) (*format, error) {
	head := make([]byte, 8)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if bytes.HasPrefix(head[1:], []byte(skippable[1:])) && head[0]&0xf0 == skippable[0] {
		head[0] = skippable[0]
	}
	for i := range formats {
		if bytes.HasPrefix(head[:n], []byte(formats[i].magic)) {
			return &formats[i], nil
		}
	}
	return nil, nil
}

// unpack decodes a whole image into a file without a name, so that nothing of it is ever written before all of it is
// known to be sound.
func unpack(ctx context.Context, path string, p *format, content io.Reader) (*Image, error) {
	if p.decode == nil {
		return nil, classify.WithHint(classify.New(classify.ImageFormat, "the image %s is in %s format, which cannot be unpacked here", path, p.name),
			"unpack it first: %s %s", p.tool, path)
	}
	staged, err := scratch("unpack")
	if err != nil {
		return nil, err
	}
	in, out := sha256.New(), sha256.New()
	n, err := decode(p, io.TeeReader(content, in), io.MultiWriter(file{staged}, out))
	if err == nil && n == 0 {
		err = classify.New(classify.ImageEmpty, "the image %s is empty when unpacked", path)
	}
	if err != nil {
		staged.Close()
	}
	var full *stagingError
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.As(err, &full):
		return nil, noRoom(full, path, "unpacked")
	case err != nil:
		return nil, classify.WithHint(classify.Wrap(err, classify.ImageDecode, "the image %s is damaged: %s cannot be decoded after %d bytes", path, p.name, n),
			"download or build it again")
	}
	return &Image{path: path, size: n, sum: hex.EncodeToString(out.Sum(nil)), source: hex.EncodeToString(in.Sum(nil)), f: staged, own: true}, nil
}

// scratch makes a file without a name: it goes when it is closed, however the process ends.
func scratch(what string) (*os.File, error) {
	f, err := os.CreateTemp("", "flashlua-image-*")
	if err != nil {
		return nil, classify.WithHint(classify.Wrap(err, classify.ConfigPlan, "there is no place to %s the image", what), "set TMPDIR to a folder that can be written")
	}
	os.Remove(f.Name())
	return f, nil
}

func noRoom(full *stagingError, path, done string) error {
	return classify.WithHint(classify.Wrap(full.error, classify.ConfigPlan, "the image %s cannot be %s to %s", path, done, os.TempDir()),
		"set TMPDIR to a folder with room for the %s image", done)
}

// decode copies what is packed in content to out. All of content must belong to it.
func decode(p *format, content io.Reader, out io.Writer) (int64, error) {
	buffered := bufio.NewReaderSize(content, 1<<20)
	r, err := p.decode(buffered)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	n, err := io.Copy(out, r)
	if err == nil {
		if _, more := buffered.ReadByte(); more == nil {
			err = errors.New("something else follows it")
		}
	}
	return n, err
}

// stagingError tells a full disk from a damaged image.
type stagingError struct{ error }

// file marks what fails to be written.
type file struct{ *os.File }

func (f file) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if err != nil {
		err = &stagingError{err}
	}
	return n, err
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

// Path is where the image was opened, without what is secret in an address.
func (im *Image) Path() string { return im.path }

// Size is the number of bytes to write.
func (im *Image) Size() int64 { return im.size }

// SHA256 is the digest of exactly Size bytes, in hex.
func (im *Image) SHA256() string { return im.sum }

// Unchanged reports whether the file is still the one that was opened; its digest is of no use otherwise. What was
// downloaded or unpacked cannot change.
func (im *Image) Unchanged() error {
	if im.own {
		return nil
	}
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

// Matches compares the image with a digest that the operator expects, of the file or of what is packed in it.
func (im *Image) Matches(sha256 string) error {
	if strings.EqualFold(sha256, im.sum) || strings.EqualFold(sha256, im.source) {
		return nil
	}
	found := im.sum
	if im.source != "" {
		found = im.source + ", unpacked " + im.sum
	}
	return classify.WithHint(classify.New(classify.ImageMismatch, "the image %s has the sha256 %s, not %s", im.path, found, sha256),
		"it is not the image that you expect: download or build it again")
}

var hexSum = regexp.MustCompile(`^[0-9A-Fa-f]{64}$`)

// Expected reads a digest: 64 hex digits, or a file as sha256sum writes it, with a line for the image, which is found by
// the last element of its path or address.
func Expected(text, imagePath string) (string, error) {
	if address, err := web.Parse(imagePath); err == nil {
		imagePath = address.Name()
	}
	if hexSum.MatchString(text) {
		return text, nil
	}
	list, err := os.ReadFile(text)
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
