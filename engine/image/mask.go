package image

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"github.com/flashlua/flashlua/classify"
)

const bmapSuffix = ".bmap"

// mask takes what the block map beside an image says does not matter out of its ranges. The map must be of this very
// image: all of its digests are compared.
func (s Stager) mask(ctx context.Context, im *Image, path string) error {
	f, err := mapBeside(path)
	if f == nil || err != nil {
		return err
	}
	defer f.Close()
	b, err := readBmap(&reader{ctx, f, s.work})
	if err != nil {
		return classify.Wrap(err, "", "%s", f.Name())
	}
	if b.size != im.size {
		return foreignMap(f.Name(), im, fmt.Errorf("it is of an image of %d bytes, this one has %d", b.size, im.size))
	}
	for _, m := range b.ranges {
		h := b.newHash()
		if _, err := io.Copy(h, &reader{ctx, io.NewSectionReader(im.f, m.off, m.end-m.off), s.work}); err != nil {
			return classify.Wrap(err, classify.ImageRead, "cannot read the image %s", im.path)
		}
		if sum := hex.EncodeToString(h.Sum(nil)); sum != m.sum {
			return foreignMap(f.Name(), im, fmt.Errorf("bytes %d to %d have the digest %s, not %s", m.off, m.end, sum, m.sum))
		}
	}
	before := im.sum
	s.Found = nil
	if err := s.scan(ctx, im, im.size, b.cares); err != nil {
		return err
	}
	if im.sum != before {
		return im.changed(nil)
	}
	s.Note(fmt.Sprintf("%s: %d of %d bytes matter", f.Name(), b.matters(), im.size))
	return nil
}

// foreignMap is a map that does not fit its image: one of them is not what it should be.
func foreignMap(name string, im *Image, why error) error {
	return classify.WithHint(classify.Wrap(why, classify.ImageMismatch, "the block map %s is not of the image %s", name, im.path),
		"build or download both again; without the block map all of the image is written")
}

// mapBeside finds the block map of an image as bmaptool does: of disk.img.xz it may be disk.img.xz.bmap, disk.img.bmap or
// disk.bmap.
func mapBeside(path string) (*os.File, error) {
	dir, base := filepath.Split(path)
	for {
		f, err := os.OpenFile(filepath.Join(dir, base+bmapSuffix), os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO would hang
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, classify.Wrap(err, classify.ImageRead, "cannot read the block map beside the image")
		}
		dot := strings.LastIndexByte(base, '.')
		if dot <= 0 {
			return nil, nil
		}
		base = base[:dot]
	}
}

// cares reports whether any byte of a part is mapped.
func (b *bmap) cares(off, n int64) bool {
	i := sort.Search(len(b.ranges), func(i int) bool { return b.ranges[i].end > off })
	return i < len(b.ranges) && b.ranges[i].off < off+n
}

// matters is how many bytes are mapped.
func (b *bmap) matters() (n int64) {
	for _, m := range b.ranges {
		n += m.end - m.off
	}
	return n
}
