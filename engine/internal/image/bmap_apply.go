package image

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/input"
)

const bmapSuffix = ".bmap"

// mask removes the parts from an image's ranges that the block map next to it marks as unmapped. It compares all
// digests of the map. A map with a digest for each range must be of this very image; another one may be of another,
// so that it removes only zeros.
func (s *opener) mask(ctx context.Context, im *Image, path string) error {
	f, err := findBmap(path)
	if f == nil || err != nil {
		return err
	}
	defer f.Close()
	if err := s.Permit(f); err != nil {
		return err
	}
	b, err := readBmap(&reader{ctx, f, s.work.add})
	if err != nil {
		return classify.Wrap(err, "", "%s", f.Name())
	}
	if b.size != im.size {
		return errWrongImage(f.Name(), im, fmt.Errorf("it is of an image of %d bytes, this one has %d", b.size, im.size))
	}
	if err := s.verifyRanges(ctx, b, im, f.Name()); err != nil {
		return err
	}
	if im.ranges, err = b.filter(im); err != nil {
		return err
	}
	note := fmt.Sprintf("%s: %d of %d bytes matter", f.Name(), b.mappedBytes(), im.size)
	if !b.proven {
		note += "; it has no digests that show that it is of this image: only zeros are left out"
	}
	s.Observer.Note(note)
	return nil
}

// verifyRanges compares the digests of a map with an image, on as many CPUs as are not reserved.
func (s *opener) verifyRanges(ctx context.Context, b *bmap, im *Image, name string) error {
	errs := make([]error, len(b.ranges))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(max(runtime.GOMAXPROCS(0)-s.CPUs.Reserved, 1), len(b.ranges)) {
		wg.Go(func() {
			buf := make([]byte, BlockSize)
			for i := int(next.Add(1)) - 1; i < len(b.ranges); i = int(next.Add(1)) - 1 {
				if errs[i] = s.verifyRange(ctx, b, b.ranges[i], im, name, buf); errs[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	i := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case i >= 0:
		return errs[i]
	}
	return nil
}

func (s *opener) verifyRange(ctx context.Context, b *bmap, m mapped, im *Image, name string, buf []byte) error {
	if m.sum == "" {
		return nil
	}
	h := b.newHash()
	if _, err := io.CopyBuffer(h, &reader{ctx, io.NewSectionReader(im.f, m.off, m.end-m.off), s.work.add}, buf); err != nil {
		return classify.Wrap(err, classify.ImageRead, "cannot read the image %s", im.ref)
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != m.sum {
		return errWrongImage(name, im, fmt.Errorf("bytes %d to %d have the digest %s, not %s", m.off, m.end, sum, m.sum))
	}
	return nil
}

// filter returns the ranges of an image that the map covers, and all data if it is not proven to be of the image.
// Partly covered ranges are split again.
func (b *bmap) filter(im *Image) ([]Range, error) {
	sc := newScanner(func(int) {})
	defer sc.release()
	sc.include = b.maps
	for _, r := range im.ranges {
		blocks, n := (r.Len+BlockSize-1)/BlockSize, b.mappedBlocks(r)
		switch {
		case n == blocks || r.Kind == Data && !b.proven:
			sc.ranges = append(sc.ranges, r)
		case n > 0:
			if err := im.ReadRange(r, sc.buf[:]); err != nil {
				return nil, err
			}
			sc.size = r.Off
			if err := sc.splitPiece(sc.buf[:r.Len]); err != nil {
				return nil, err
			}
		}
	}
	return sc.ranges, nil
}

// mappedBlocks returns how many blocks of a range have a mapped byte.
func (b *bmap) mappedBlocks(r Range) (n int64) {
	for off := int64(0); off < r.Len; off += BlockSize {
		if b.maps(r.Off+off, min(BlockSize, r.Len-off)) {
			n++
		}
	}
	return n
}

// errWrongImage is the error of a map and an image that do not belong together.
func errWrongImage(name string, im *Image, why error) error {
	return classify.WithHint(classify.Wrap(why, classify.ImageMismatch, "the block map %s is not of the image %s", name, im.ref),
		"build or download both again; --no-bmap writes all of the image, without the block map")
}

// BlockMaps returns the paths at which bmaptool looks for the block map of an image: for disk.img.xz they are
// disk.img.xz.bmap, disk.img.bmap and disk.bmap.
func BlockMaps(path string) (all []string) {
	dir, base := filepath.Split(path)
	for {
		all = append(all, filepath.Join(dir, base+bmapSuffix))
		dot := strings.LastIndexByte(base, '.')
		if dot <= 0 {
			return all
		}
		base = base[:dot]
	}
}

// findBmap opens the first block map that exists for an image, nil if there is none.
func findBmap(path string) (*os.File, error) {
	for _, name := range BlockMaps(path) {
		f, err := input.Open(name)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, classify.Wrap(err, classify.ImageRead, "cannot read the block map beside the image")
		}
	}
	return nil, nil
}

// maps reports whether any byte of a part is mapped.
func (b *bmap) maps(off, n int64) bool {
	i := sort.Search(len(b.ranges), func(i int) bool { return b.ranges[i].end > off })
	return i < len(b.ranges) && b.ranges[i].off < off+n
}

// mappedBytes returns how many bytes are mapped.
func (b *bmap) mappedBytes() (n int64) {
	for _, m := range b.ranges {
		n += m.end - m.off
	}
	return n
}
