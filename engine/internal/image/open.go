package image

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"syscall"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/internal/web"
)

// Stdin is the name of the image that comes by the standard input.
const Stdin = "-"

// Stager opens images: it fetches and unpacks them and finds their digests and ranges. Of the zero value nothing is
// kept.
type Stager struct {
	Clock        clock.Clock
	Progress     func(step string, done, total int64) // in bytes; total is 0 while it is not known
	Note         func(text string)                    // tells why it takes longer, or why not
	SHA256       string                               // that the image must have, hex, of the file or of what is packed in it; "" for any
	MaxSize      int64                                // bytes that the image may have when it is unpacked; 0 is no limit
	Stdin        io.Reader                            // what Stdin stands for; nil is nothing
	Cache        *Cache                               // keeps what was unpacked; nil keeps nothing
	Permit       func(f *os.File) error               // refuses a file, or the block map beside it, that was just opened; nil refuses none
	ReservedCPUs int                                  // CPUs that are left to others, until Hurry
	UseAllCPUs   <-chan struct{}                      // closed when the others wait for the image; nil is never
	OnSlow       func()                               // called once when there is more to do than a moment's work
	OnMinSize    func(size int64)                     // told of how many bytes the image has at least; may be nil
	OnRange      func(im *Image, r Range)             // told of ranges that ReadRange gives already, of an image that may yet turn out to be damaged; may be nil

	workedFor *atomic.Int64
	space     func(*os.File) (free, all int64, ok bool) // of the disk that a file is on
}

// slowAfter is how much is staged in less than half a second, in bytes.
const slowAfter = 32 << 20

// addWork counts what was read or unpacked.
func (s Stager) addWork(n int) {
	if now := s.workedFor.Add(int64(n)); now >= slowAfter && now-int64(n) < slowAfter {
		s.OnSlow()
	}
}

// source is a file as it was found or fetched.
type source struct {
	*os.File
	path    string // for people
	name    string // that its maker gave it
	size    int64
	private bool // nobody else can reach it
}

// Open opens an image: a file, an address of the web, or Stdin. If it has not the digest that it must have, it is refused.
func (s Stager) Open(ctx context.Context, from string) (*Image, error) {
	s.setDefaults()
	im, err := s.open(ctx, from)
	if err == nil {
		if err = s.allowed(im.path, "", im.size, true); err != nil { // as one that is kept
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

func (s Stager) open(ctx context.Context, from string) (*Image, error) {
	if web.IsURL(from) {
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
	if err := s.mask(ctx, im, from); err != nil {
		im.Close()
		return nil, err
	}
	return im, nil
}

// openSource opens a source, which is closed unless the image is in it.
func (s Stager) openSource(ctx context.Context, src source) (*Image, error) {
	im, err := s.openFile(ctx, src)
	if err != nil || im.f != src.File {
		src.Close()
	}
	if err != nil {
		return nil, err
	}
	return im, nil
}

func (s *Stager) setDefaults() {
	if s.Clock == nil {
		s.Clock = clock.Real{}
	}
	if s.Progress == nil {
		s.Progress = func(string, int64, int64) {}
	}
	if s.Note == nil {
		s.Note = func(string) {}
	}
	if s.Permit == nil {
		s.Permit = func(*os.File) error { return nil }
	}
	if s.OnSlow == nil {
		s.OnSlow = func() {}
	}
	if s.OnMinSize == nil {
		s.OnMinSize = func(int64) {}
	}
	if s.space == nil {
		s.space = diskSpace
	}
	s.workedFor = new(atomic.Int64)
}

// CheckExists refuses what is certainly no image, at once.
func CheckExists(from string) error {
	if web.IsURL(from) || from == Stdin {
		return nil
	}
	src, err := openLocal(from)
	if err == nil {
		err = src.Close()
	}
	return err
}

func openLocal(path string) (source, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO without a writer would hang
	if err != nil {
		return source{}, classify.WithHint(classify.Wrap(err, classify.ImageMissing, "cannot open the image"), "check the path after --image")
	}
	return source{File: f, path: path, name: filepath.Base(path)}, nil
}

// readStdin takes the image from the standard input.
func (s Stager) readStdin(ctx context.Context) (source, error) {
	if s.Stdin == nil {
		return source{}, classify.New(classify.Usage, "there is no standard input to take the image from")
	}
	f, err := s.Cache.tempFile("receive")
	if err != nil {
		return source{}, err
	}
	done := make(chan error, 1)
	go func() { // nobody can end a read of a terminal
		in := &metered{r: s.countingReader(ctx, s.Stdin), check: s.room(f, "of the standard input", "").checkPacked}
		_, err := io.Copy(io.NewOffsetWriter(s.scratchFile(f), 0), in)
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
	return source{File: f, path: Stdin, private: true}, nil
}

// openFile looks at a source, and unpacks it if it is packed.
func (s Stager) openFile(ctx context.Context, src source) (*Image, error) {
	st, err := src.Stat()
	switch {
	case err != nil:
		return nil, classify.Wrap(err, classify.ImageRead, "cannot read the image")
	case !st.Mode().IsRegular():
		return nil, classify.WithHint(classify.New(classify.ImageMissing, "the image %s is not a regular file", src.path), "name a file after --image")
	case st.Size() == 0:
		return nil, classify.New(classify.ImageEmpty, "the image %s is empty", src.path)
	}
	src.size = st.Size()
	packed, err := formatOf(src)
	if err != nil {
		return nil, classify.Wrap(err, classify.ImageRead, "cannot read the image %s", src.path)
	}
	if claimed := formatByName(src.name); packed == nil && claimed != "" {
		return nil, classify.WithHint(classify.New(classify.ImageFormat, "the image %s has the name of a %s file and is none", src.path, claimed),
			"it is damaged, or not what was asked for: download or build it again; rename it if it is raw")
	}
	if err := s.allowed(src.path, "", src.size, true); packed == nil && err != nil {
		return nil, err
	}
	im := &Image{path: src.path, f: src.File, mtime: st.ModTime(), private: src.private}
	if packed != nil {
		im, err = s.openPacked(ctx, src, packed)
	} else {
		if !src.private { // whoever fetched it may have another use for it, and keeps it
			s.OnMinSize(src.size)
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

// scan finds the digest and the ranges of an image that is in its file as it is.
func (s Stager) scan(ctx context.Context, im *Image, size int64, cares func(off, n int64) bool) error {
	sc := newScanner(s.addWork)
	defer sc.release()
	sc.include, sc.onRange = cares, s.rangeCallback(im)
	_, err := sc.ReadFrom(&sparseReader{ctx: ctx, f: im.f, size: size})
	if err == nil {
		im.sum, err = sc.finish()
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return classify.Wrap(err, classify.ImageRead, "cannot read the image %s", im.path)
	case sc.size != size:
		return classify.New(classify.ImageChanged, "the image %s shrank while it was read", im.path)
	}
	im.size, im.ranges = size, sc.ranges
	return nil
}

// formatOf tells how a file is packed, nil if it is not.
func formatOf(f io.ReaderAt) (*format, error) {
	head := make([]byte, headSize)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return formatBy(head[:n]), nil
}

// nonImages are what may lie in an image's place, by how they begin: no board boots from one.
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

// refuseDocument refuses one.
func (im *Image) refuseDocument() error {
	head := make([]byte, 128)
	n, _ := im.f.ReadAt(head, 0)
	for _, d := range nonImages {
		if d.begins.Match(head[:n]) {
			return classify.WithHint(classify.New(classify.ImageFormat, "the image %s is %s", im.path, d.what), "%s", d.hint)
		}
	}
	return nil
}

// formatBy tells a format by its first bytes.
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

// countingReader reads until its context ends, and counts.
func (s Stager) countingReader(ctx context.Context, r io.Reader) io.Reader {
	return &reader{ctx, r, s.addWork}
}

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

// diskError tells a full disk from a damaged image.
type diskError struct{ error }

// file is one of scratch. If the disk is full, what earlier runs left there goes. What fails is marked.
type file struct {
	f    *os.File
	trim func() bool
}

func (s Stager) scratchFile(f *os.File) *file {
	return &file{f, func() bool { return s.Cache != nil && s.Cache.evict(0, s.Clock.Now()) }}
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
