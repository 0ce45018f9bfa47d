package image

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"

	"github.com/flashlua/flashlua/classify"
)

// openPacked opens a compressed image.
func (s *opener) openPacked(ctx context.Context, src source, p *format) (*Image, error) {
	if p.decode == nil && p.decodeAt == nil {
		return nil, classify.WithHint(classify.New(classify.ImageFormat, "the image %s is in %s format, which cannot be unpacked here", src.ref, p.name),
			"unpack it first: %s", strings.Replace(p.tool, "FILE", src.ref.String(), 1))
	}
	declared := p.declares(src, src.size)
	if err := s.bounds.allowed(src.ref, " when unpacked", declared, false); err != nil {
		return nil, err
	}
	return s.once(ctx, s.sourceKey(src), src.ref, "unpacks", func() (*Image, error) {
		return s.openByDigest(ctx, src, p, declared)
	})
}

// openByDigest opens a compressed image: from the cache, by the digest of the compressed file, or by decoding it.
func (s *opener) openByDigest(ctx context.Context, src source, p *format, declared int64) (*Image, error) {
	h, other := sha256.New(), s.digest.newHash()
	_, err := io.Copy(io.MultiWriter(h, other), &reader{ctx, io.NewSectionReader(src, 0, src.size), s.work.add})
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, classify.Wrap(err, classify.ImageRead, "cannot read the image %s", src.ref)
	}
	key := hex.EncodeToString(h.Sum(nil))
	im, err := s.once(ctx, key, src.ref, "unpacks", func() (*Image, error) {
		im, err := s.lookup(ctx, key)
		if im == nil && err == nil {
			im, err = s.decodeToFile(ctx, src, p, key, declared)
		}
		if err == nil {
			im.ref, im.source, im.private = src.ref, key, true
		}
		return im, err
	})
	if err == nil {
		im.sourceDigest = s.digest.of(other)
	}
	return im, err
}

// decodeToFile decodes the whole image into a scratch file, so that nothing of a damaged image is ever written to
// a medium.
func (s *opener) decodeToFile(ctx context.Context, src source, p *format, key string, declared int64) (*Image, error) {
	staged, err := s.Cache.tempFile("unpack")
	if err != nil {
		return nil, err
	}
	room := s.bounds.room(staged, src.ref, " when unpacked")
	if err := room.check(declared, false); err != nil {
		staged.Close()
		return nil, err
	}
	im := &Image{ref: src.ref, f: staged, private: true}
	sc := newScanner(s.work.add)
	defer sc.release()
	sc.out = s.bounds.scratchFile(staged)
	sc.onRange, sc.onSize = s.Observer.ranges(im), s.Observer.MinSize
	d := &decoder{ctx: ctx, src: src, byName: s.Format == FormatAuto, progress: s.Observer.Progress, long: s.work.isSlow, cpus: cpus{runtime.GOMAXPROCS(0), s.CPUs.Reserved, s.CPUs.UseAll}, room: room}
	skips, err := d.copy(p, sc)
	if err == nil {
		im.sum, err = sc.finish()
	}
	if err == nil && sc.size == 0 {
		err = classify.New(classify.ImageEmpty, "the image %s is empty when unpacked", src.ref)
	}
	if err == nil && src.isChanged() {
		err = im.errChanged(nil) // key may be of another content
	}
	if err != nil {
		staged.Close()
		return nil, s.unpackError(ctx, err, src, staged, d.name, d.window, sc.size+int64(sc.fill))
	}
	im.size, im.ranges = sc.size, sc.ranges
	if err := s.Cache.store(staged, key, im, skips, s.Clock.Now()); err != nil {
		s.Observer.Note(fmt.Sprintf("what was unpacked is not kept for another run: %v", err))
	}
	return im, nil
}

// unpackError returns the error of a format after n decoded bytes.
func (s *opener) unpackError(ctx context.Context, err error, src source, staged *os.File, name string, window, n int64) error {
	var full *diskError
	var several *archiveError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &full):
		return s.Cache.errDiskFull(staged, full.error, src.ref, "unpacked")
	case errors.As(err, &several):
		return classify.WithHint(classify.Wrap(err, classify.ImageFormat, "the image %s is an archive, which must hold one file, the image", src.ref),
			"unpack it, and name the image: %s", strings.Replace(several.tool, "FILE", src.ref.String(), 1))
	case errors.Is(err, errMember):
		return classify.WithHint(classify.Wrap(err, classify.ImageFormat, "the image %s, in %s format, cannot be unpacked here", src.ref, name), "unpack it first")
	case classify.Facts(err).Kind != "":
		return err
	case errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, xz.ErrMemlimit):
		return classify.WithHint(classify.Wrap(err, classify.ImageFormat, "the image %s needs more than %d MiB of memory to be unpacked", src.ref, window>>20),
			"pack it with a smaller window, zstd --long=27 or xz -9 at most, and once, or unpack it first")
	case errors.Is(err, zstd.ErrUnknownDictionary) || errors.Is(err, xz.ErrOptions) || errors.Is(err, errLayer):
		return classify.WithHint(classify.Wrap(err, classify.ImageFormat, "the image %s, in %s format, cannot be unpacked here", src.ref, name), "unpack it first")
	}
	return classify.WithHint(classify.Wrap(err, classify.ImageDecode, "the image %s is damaged: %s cannot be decoded after %d bytes", src.ref, name, n), "download or build it again")
}

// decoder decodes one file, which may be compressed more than once: a sparse image is often sent compressed.
type decoder struct {
	ctx      context.Context
	src      source
	byName   bool // names must not promise another format
	progress func(step string, done, total int64)
	long     func() bool // whether to report progress
	cpus     cpus
	room     *room  // for the content of each format
	name     string // of the formats opened so far, for errors
	window   int64  // bytes of memory that the format may use
	read     atomic.Int64
	opened   []io.Closer
}

// maxNesting is the largest number of formats within each other.
const maxNesting = 4

var errLayer = errors.New("what is in it cannot be unpacked here")

// skip is an unmapped part of an image.
type skip struct{ Off, End int64 }

// copy decodes to sc. It returns an error if bytes of the file are left over.
func (d *decoder) copy(p *format, sc *scanner) ([]skip, error) {
	defer func() {
		for _, c := range d.opened {
			c.Close()
		}
	}()
	var inputs []*bufio.Reader
	inner, memory := d.src.name, int64(maxWindow)
	out, in, err := d.openOuter(p)
	for depth := 1; err == nil; depth++ {
		d.opened = append(d.opened, out)
		inputs = append(inputs, in)
		inner = contentName(out, inner)
		if p.packs {
			memory = innerWindow
		}
		// A few bytes may decode to a stream of days, whose format in turn decodes to nothing.
		content := &metered{r: &reader{d.ctx, out, func(int) {}}, check: d.room.check}
		in = bufio.NewReaderSize(content, 256<<10)
		if p, err = d.formatIn(in, inner); err != nil {
			return nil, err
		}
		if p == nil {
			break
		}
		content.check = d.room.checkPacked
		if d.name += " in it, " + p.name; p.decode == nil || depth == maxNesting {
			return nil, errLayer
		}
		head, _ := in.Peek(headSize)
		if err := d.room.check(p.declares(bytes.NewReader(head), int64(len(head))), false); err != nil {
			return nil, err
		}
		d.window = memory
		out, err = p.decode(in, d.window)
	}
	if err != nil {
		return nil, err
	}
	sparse, _ := out.(interface{ skips() []skip })
	if sparse != nil {
		sc.include = func(off, n int64) bool { return !covered(sparse.skips(), off, n) }
	}
	if _, err := sc.ReadFrom(in); err != nil {
		return nil, err
	}
	for _, in := range slices.Backward(inputs) { // reading the inner format to EOF also consumed the trailers of the outer ones
		if err := expectEOF(in); err != nil {
			return nil, err
		}
	}
	if sparse == nil {
		return nil, nil
	}
	return sparse.skips(), nil
}

// contentName returns the name of the content of a file with a name.
func contentName(content io.Reader, name string) string {
	if m, ok := content.(member); ok {
		return m.memberName()
	}
	return innerName(name)
}

// formatIn returns the format of what is left in a stream, nil if it is raw. It consumes skippable frames. It
// refuses a raw content that is no image, or under a name that promises a format.
func (d *decoder) formatIn(in *bufio.Reader, name string) (*format, error) {
	var first *format
	for skipped := int64(0); ; {
		head, err := in.Peek(headSize)
		if err != nil && err != io.EOF {
			return nil, err
		}
		p := formatBy(head)
		if size := skippableSize(head); size > 0 && skipped < maxSkipped {
			first, skipped = p, skipped+size
			if _, err := io.CopyN(io.Discard, in, size); err != nil {
				return nil, unexpectedEOF(err)
			}
			continue
		}
		if first != nil {
			return first.afterSkippable(p), nil
		}
		if p != nil || len(head) == 0 {
			return p, nil
		}
		if err := refuseHead(d.src.ref, head); err != nil || !d.byName {
			return nil, err
		}
		return nil, checkRawName(d.src.ref, name)
	}
}

// openOuter opens the outermost format, in parallel if the file can be split: then the whole file is accounted
// for, and in is nil.
func (d *decoder) openOuter(p *format) (out io.ReadCloser, in *bufio.Reader, err error) {
	d.name, d.window = p.name, maxWindow
	if p.decodeAt != nil {
		out, ok, err := p.decodeAt(d.ctx, d, d.src.size, d.cpus)
		if ok || err != nil {
			return out, nil, err
		}
	}
	in = bufio.NewReaderSize(io.NewSectionReader(d, 0, d.src.size), int(min(d.src.size, 1<<20)))
	out, err = p.decode(in, d.window)
	return out, in, err
}

// ReadAt reads the file until the context ends, and reports progress.
func (d *decoder) ReadAt(p []byte, off int64) (int, error) {
	if err := d.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := d.src.ReadAt(p, off)
	if done := min(d.read.Add(int64(n)), d.src.size); d.long() {
		d.progress("unpack", done, d.src.size)
	}
	return n, err
}

// expectEOF returns an error if anything is left. A nil reader is a file that is accounted for.
func expectEOF(in *bufio.Reader) error {
	if in == nil {
		return nil
	}
	_, err := in.ReadByte()
	switch err {
	case nil:
		return errors.New("something else follows it")
	case io.EOF:
		return nil
	}
	return err
}

// covered reports whether all of a part is skipped.
func covered(skips []skip, off, n int64) bool {
	i, _ := slices.BinarySearchFunc(skips, off, func(s skip, off int64) int {
		if s.End <= off {
			return -1
		}
		return 1
	})
	return i < len(skips) && skips[i].Off <= off && off+n <= skips[i].End
}
