package qemu

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// extent is a range of a medium, in bytes.
type extent struct{ at, size int64 }

// scattered is an image as real ones are: the content of files in some places, and holes between them.
type scattered struct {
	raw    string // a file with holes
	packed string // a file, set by pack
	size   int64
	data   []extent // in order
	sum    string   // of the whole, hex
}

const (
	fileBlock  = 4096 // where a file system puts data, it puts a block of it
	leastPiece = 64 << 10
	mostPiece  = 8 << 20
	mostChange = 1 << 20 // a change of a new version of an image in one place
)

// newScattered makes an image of size bytes with 40 % of data.
func newScattered(b *testing.B, size int64) *scattered {
	b.Helper()
	im := &scattered{raw: filepath.Join(b.TempDir(), "image"), size: size}
	r := rand.New(rand.NewSource(size))
	im.data = scatter(r, size, size*2/5, leastPiece, mostPiece)
	must(b, im.fill(newRealContent(r)))
	im.sum = im.digest(b, extent{0, size})
	b.Logf("the image: %d bytes, %d of them data in %d places", size, total(im.data), len(im.data))
	return im
}

// pack has xz pack the image, in blocks that can be unpacked each by itself.
func (im *scattered) pack(b *testing.B) *scattered {
	b.Helper()
	_, err := output(exec.Command("xz", "-k", "-T0", "--block-size=8MiB", im.raw))
	must(b, err)
	im.packed = im.raw + ".xz"
	packed, err := os.Stat(im.packed)
	must(b, err)
	b.Logf("packed: %d bytes", packed.Size())
	return im
}

// scatter returns places for sum bytes in size bytes, in pieces of least to most bytes.
func scatter(r *rand.Rand, size, sum, least, most int64) []extent {
	var pieces []extent
	left := sum / fileBlock * fileBlock
	for left > 0 {
		n := min(left, least+r.Int63n((most-least)/fileBlock+1)*fileBlock)
		pieces = append(pieces, extent{size: n})
		left -= n
	}
	gaps := make([]int64, len(pieces)) // what is free before each, from the beginning
	for i := range gaps {
		gaps[i] = r.Int63n((size-sum)/fileBlock+1) * fileBlock
	}
	slices.Sort(gaps)
	var before int64
	for i := range pieces {
		pieces[i].at = gaps[i] + before
		before += pieces[i].size
	}
	return pieces
}

func total(extents []extent) (n int64) {
	for _, e := range extents {
		n += e.size
	}
	return n
}

// fill writes the raw image.
func (im *scattered) fill(content io.Reader) error {
	f, err := os.Create(im.raw)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, e := range im.data {
		if _, err := io.CopyN(io.NewOffsetWriter(f, e.at), content, e.size); err != nil {
			return fmt.Errorf("the files of this machine are too few for an image: %w", err)
		}
	}
	if err := f.Truncate(im.size); err != nil {
		return err
	}
	return f.Sync() // so that the disk is idle when a side is timed
}

// digest returns the digest of these ranges, one after the other.
func (im *scattered) digest(b *testing.B, ranges ...extent) string {
	b.Helper()
	f, err := os.Open(im.raw)
	must(b, err)
	defer f.Close()
	h := sha256.New()
	for _, e := range ranges {
		_, err := io.Copy(h, io.NewSectionReader(f, e.at, e.size))
		must(b, err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// realContent is the content of this machine's files, one after the other: it packs as images do.
type realContent struct {
	paths []string
	open  *os.File
}

func newRealContent(r *rand.Rand) *realContent {
	c := &realContent{}
	for _, dir := range []string{"/usr/bin", "/usr/lib"} { // programs and libraries, as a root file system has them
		filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				c.paths = append(c.paths, path)
			}
			return nil // what cannot be read is left out
		})
	}
	r.Shuffle(len(c.paths), func(i, j int) { c.paths[i], c.paths[j] = c.paths[j], c.paths[i] })
	return c
}

func (c *realContent) Read(p []byte) (int, error) {
	for {
		if c.open != nil {
			if n, err := c.open.Read(p); n > 0 && err == nil {
				return n, nil
			}
			c.open.Close()
		}
		if len(c.paths) == 0 {
			return 0, io.ErrUnexpectedEOF
		}
		c.open, _ = os.Open(c.paths[0]) // nil if it cannot be
		c.paths = c.paths[1:]
	}
}

// within returns where ranges of the data lie in an image whose data are at these places.
func within(places, ranges []extent) (found []extent) {
	var before int64 // what is counted before this place
	for _, p := range places {
		for _, r := range ranges {
			from, to := max(r.at-before, 0), min(r.at+r.size-before, p.size)
			if from < to {
				found = append(found, extent{p.at + from, to - from})
			}
		}
		before += p.size
	}
	return found
}
