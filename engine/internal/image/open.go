package image

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/web"
)

// source is an image file as it was found or downloaded.
type source struct {
	*os.File
	ref     Ref
	name    string // file name, whose extension names the format
	size    int64  // bytes
	mtime   time.Time
	private bool // the file has no name: no other process can change it
}

// isChanged reports whether the file was written since it was opened.
func (s source) isChanged() bool {
	st, err := s.Stat()
	return err != nil || st.Size() != s.size || !st.ModTime().Equal(s.mtime)
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
	if s.Format == FormatRaw || s.NoBlockMap {
		return im, nil
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

// openLocal opens a file of the station.
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
	src.size, src.mtime = st.Size(), st.ModTime()
	packed, err := s.formatOf(src)
	if err != nil {
		return nil, err
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
	if s.Format != FormatRaw {
		if err := refuseNonImage(im.ref, im.f); err != nil {
			im.Close()
			return nil, err
		}
	}
	return im, nil
}

// formatOf returns the format of a file, nil if it is raw. It refuses what cannot be an image, and what is in
// another format than s.Format.
func (s *opener) formatOf(src source) (*format, error) {
	if s.Format == FormatRaw {
		return nil, nil
	}
	packed, err := formatOf(src)
	switch {
	case err != nil:
		return nil, classify.Wrap(err, classify.ImageRead, "cannot read the image %s", src.ref)
	case s.Format != FormatAuto:
		return packed, s.Format.check(src.ref, packed)
	case packed == nil:
		return nil, checkRaw(src.ref, src.name, src)
	}
	return packed, nil
}

// scan computes the digest and the ranges of an image that is raw in its file. include reports whether any byte of
// a part is mapped; nil maps all.
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
