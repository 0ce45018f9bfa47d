package image

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/internal/web"
)

// Stager opens images: it downloads, decodes and scans them. The zero value uses no cache. It may be used concurrently.
type Stager struct {
	Clock    clock.Clock
	SHA256   string                 // that the image must have, hex, compressed or decoded; "" for any
	MaxSize  int64                  // bytes that the decoded image may have; 0 is no limit
	Stdin    io.Reader              // the content of Stdin; nil if there is none
	Cache    *Cache                 // keeps decoded images; nil keeps none
	Permit   func(f *os.File) error // refuses an image file or a block map that was just opened; nil refuses none
	CPUs     CPUs
	Observer Observer

	space func(*os.File) (free, all int64, ok bool) // of the disk that a file is on; nil is diskSpace
}

// CPUs says how many CPUs a Stager leaves to the rest of the process.
type CPUs struct {
	Reserved int             // that are not used
	UseAll   <-chan struct{} // closed when the reserved ones may be used, too; nil is never
}

// opener opens one image.
type opener struct {
	Stager // with all defaults set
	work   *workMeter
	bounds bounds
}

// opener returns an opener for one image.
func (s Stager) opener() *opener {
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
	return &opener{s, &workMeter{slow: s.Observer.Slow}, bounds{s.MaxSize, s.Cache, s.Clock, s.space}}
}

// source is an image file as it was found or downloaded.
type source struct {
	*os.File
	ref     Ref
	name    string // file name, whose extension names the format
	size    int64  // bytes
	private bool   // the file has no name: no other process can change it
}

// Open opens the image at from. It refuses an image whose digest is not SHA256.
func (s Stager) Open(ctx context.Context, from Ref) (*Image, error) {
	o := s.opener()
	im, err := o.open(ctx, from)
	if err == nil {
		if err = o.bounds.allowed(im.ref, "", im.size, true); err != nil { // not checked yet if it was in the cache
			im.Close()
		}
	}
	if err == nil && s.SHA256 != "" {
		if err = im.CheckDigest(s.SHA256); err != nil {
			im.Close()
		}
	}
	if err != nil {
		return nil, err
	}
	return im, nil
}

func (s *opener) open(ctx context.Context, from Ref) (*Image, error) {
	if web.IsURL(string(from)) {
		return s.openWeb(ctx, from)
	}
	if from == Stdin {
		src, err := s.readStdin(ctx)
		if err != nil {
			return nil, err
		}
		return s.openSource(ctx, src)
	}
	src, err := openLocal(from)
	if err != nil {
		return nil, err
	}
	if err := s.Permit(src.File); err != nil {
		src.Close()
		return nil, err
	}
	im, err := s.openSource(ctx, src)
	if err != nil {
		return nil, err
	}
	if err := s.mask(ctx, im, string(from)); err != nil {
		im.Close()
		return nil, err
	}
	return im, nil
}

// openSource opens a source. It closes the file unless the image uses it.
func (s *opener) openSource(ctx context.Context, src source) (*Image, error) {
	im, err := s.openFile(ctx, src)
	if err != nil || im.f != src.File {
		src.Close()
	}
	if err != nil {
		return nil, err
	}
	return im, nil
}

// openLocal opens a file of this machine.
func openLocal(ref Ref) (source, error) {
	f, err := os.OpenFile(string(ref), os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO without a writer would hang
	if err != nil {
		return source{}, classify.WithHint(classify.Wrap(err, classify.ImageMissing, "cannot open the image"), "check the path after --image")
	}
	return source{File: f, ref: ref, name: filepath.Base(string(ref))}, nil
}

// readStdin copies standard input into a file.
func (s *opener) readStdin(ctx context.Context) (source, error) {
	if s.Stdin == nil {
		return source{}, classify.New(classify.Usage, "there is no standard input to take the image from")
	}
	f, err := s.Cache.tempFile("receive")
	if err != nil {
		return source{}, err
	}
	done := make(chan error, 1)
	go func() { // a read of a terminal cannot be interrupted
		in := &metered{r: &reader{ctx, s.Stdin, s.work.add}, check: s.bounds.room(f, "of the standard input", "").checkPacked}
		_, err := io.Copy(io.NewOffsetWriter(s.bounds.scratchFile(f), 0), in)
		done <- err
	}()
	select {
	case err = <-done:
	case <-ctx.Done():
	}
	var full *diskError
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.As(err, &full):
		err = s.Cache.errDiskFull(f, full.error, "of the standard input", "kept")
	case classify.Facts(err).Kind == classify.ImageTooLarge:
	case err != nil:
		err = classify.Wrap(err, classify.ImageRead, "cannot read the image from the standard input")
	}
	if err != nil {
		f.Close()
		return source{}, err
	}
	return source{File: f, ref: Stdin, private: true}, nil
}

// openFile opens a file, and decodes it if it is in one of formats.
func (s *opener) openFile(ctx context.Context, src source) (*Image, error) {
	st, err := src.Stat()
	switch {
	case err != nil:
		return nil, classify.Wrap(err, classify.ImageRead, "cannot read the image")
	case !st.Mode().IsRegular():
		return nil, classify.WithHint(classify.New(classify.ImageMissing, "the image %s is not a regular file", src.ref), "name a file after --image")
	case st.Size() == 0:
		return nil, classify.New(classify.ImageEmpty, "the image %s is empty", src.ref)
	}
	src.size = st.Size()
	packed, err := formatOf(src)
	if err != nil {
		return nil, classify.Wrap(err, classify.ImageRead, "cannot read the image %s", src.ref)
	}
	if claimed := formatByName(src.name); packed == nil && claimed != "" {
		return nil, classify.WithHint(classify.New(classify.ImageFormat, "the image %s has the name of a %s file and is none", src.ref, claimed),
			"it is damaged, or not what was asked for: download or build it again; rename it if it is raw")
	}
	if err := s.bounds.allowed(src.ref, "", src.size, true); packed == nil && err != nil {
		return nil, err
	}
	im := &Image{ref: src.ref, f: src.File, mtime: st.ModTime(), private: src.private}
	if packed != nil {
		im, err = s.openPacked(ctx, src, packed)
	} else {
		if !src.private { // a download is reported when it is complete
			s.Observer.MinSize(src.size)
		}
		err = s.scan(ctx, im, src.size, nil)
	}
	if err != nil {
		return nil, err
	}
	if err := im.refuseDocument(); err != nil {
		im.Close()
		return nil, err
	}
	return im, nil
}

// scan computes the digest and the ranges of an image that is raw in its file. include reports whether any byte of a
// part is mapped; nil maps all.
func (s *opener) scan(ctx context.Context, im *Image, size int64, include func(off, n int64) bool) error {
	sc := newScanner(s.work.add)
	defer sc.release()
	sc.include, sc.onRange = include, s.Observer.ranges(im)
	_, err := sc.ReadFrom(&sparseReader{ctx: ctx, f: im.f, size: size})
	if err == nil {
		im.sum, err = sc.finish()
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return classify.Wrap(err, classify.ImageRead, "cannot read the image %s", im.ref)
	case sc.size != size:
		return classify.New(classify.ImageChanged, "the image %s shrank while it was read", im.ref)
	}
	im.size, im.ranges = size, sc.ranges
	return nil
}

// formatOf returns the format of a file, nil if it is raw.
func formatOf(f io.ReaderAt) (*format, error) {
	head := make([]byte, headSize)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return formatBy(head[:n]), nil
}

// nonImages are documents that are found in place of an image, by how they begin. No board boots from one.
var nonImages = []struct {
	begins     *regexp.Regexp
	what, hint string
}{
	{regexp.MustCompile(`^version https://git-lfs\.github\.com/spec/`), "a pointer of Git LFS", "git lfs pull fetches what it stands for"},
	{regexp.MustCompile(`(?i)^\x{feff}?\s*<(!--|(!doctype html|html|head|body)\b)`), "a web page", sentInstead},
	{regexp.MustCompile(`^\x{feff}?\s*(<\?xml|<[A-Z]\w+>\s*<)`), "an XML document", sentInstead},
	{regexp.MustCompile(`^\x{feff}?\s*\{\s*"[\w-]+"\s*:`), "a JSON document", sentInstead},
}

const sentInstead = "look at it: a server may have sent an error or a login in the image's place"

// refuseDocument returns an error if the image is one of nonImages.
func (im *Image) refuseDocument() error {
	head := make([]byte, 128)
	n, _ := im.f.ReadAt(head, 0)
	for _, d := range nonImages {
		if d.begins.Match(head[:n]) {
			return classify.WithHint(classify.New(classify.ImageFormat, "the image %s is %s", im.ref, d.what), "%s", d.hint)
		}
	}
	return nil
}

// formatBy returns the format of a file by its first bytes, nil if it is raw.
func formatBy(head []byte) *format {
	head = bytes.Clone(head)
	if len(head) >= 4 && string(head[1:4]) == skippable[1:] && head[0]&0xf0 == skippable[0] {
		head[0] = skippable[0]
	}
	for i := range formats {
		if f := &formats[i]; len(head) > f.at && bytes.HasPrefix(head[f.at:], []byte(f.magic)) {
			return f
		}
	}
	return nil
}

// reader reads until its context ends, and counts.
type reader struct {
	ctx  context.Context
	r    io.Reader
	work func(n int)
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p)
	r.work(n)
	return n, err
}

// diskError marks an error of writing to the disk, as opposed to a damaged image.
type diskError struct{ error }

// file is a scratch file. If the disk is full, trim removes what earlier runs left there.
type file struct {
	f    *os.File
	trim func() bool
}

// WriteAt implements io.WriterAt.
func (f *file) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.f.WriteAt(p, off)
	if (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)) && f.trim() {
		n, err = f.f.WriteAt(p, off)
	}
	if err != nil {
		err = &diskError{err}
	}
	return n, err
}
