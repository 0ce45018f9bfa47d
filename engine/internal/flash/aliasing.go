package flash

import (
	"bytes"
	"hash/maphash"
	"io"
	"sync"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// A medium that is smaller than it says keeps one block in the place of another. Who compares and then writes what is wrong
// could take such a medium for right: X reads back right, Y does not, Y is written, and X, which is the same place, is not
// what it was. But then, before it was written, Y held what the image has at X. So it is enough to remember what the wrong
// sectors held: if none of that is what the image has anywhere among the right ones, they need not be read again.

const (
	aliasSector   = 512
	maxOldSectors = 1 << 20 // sectors that are remembered; where more were wrong, all is read again
)

// oldSectors is what the sectors that were wrong held.
type oldSectors struct {
	mu      sync.Mutex
	seed    maphash.Seed
	sectors map[uint64]struct{}
	unknown bool // some of them could not be read
}

func newOldSectors() *oldSectors {
	return &oldSectors{seed: maphash.MakeSeed(), sectors: map[uint64]struct{}{}}
}

// note remembers the sectors in which two texts differ.
func (h *oldSectors) note(ours, theirs []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(theirs) > 0 && len(h.sectors) <= maxOldSectors {
		n := min(aliasSector, len(theirs))
		if !bytes.Equal(ours[:n], theirs[:n]) {
			h.sectors[maphash.Bytes(h.seed, theirs[:n])] = struct{}{}
		}
		ours, theirs = ours[n:], theirs[n:]
	}
}

// markUnknown notes that nobody knows what some sectors held.
func (h *oldSectors) markUnknown() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unknown = true
}

// contains reports whether any sector of p was held by another.
func (h *oldSectors) contains(p []byte) bool {
	for len(p) > 0 {
		n := min(aliasSector, len(p))
		if _, ok := h.sectors[maphash.Bytes(h.seed, p[:n])]; ok {
			return true
		}
		p = p[n:]
	}
	return false
}

// mayAlias reports whether what was written may be in the place of what was right, as far as that is known.
func (t *BlockDevice) mayAlias(im Image, wrote []segment) (bool, error) {
	h := t.oldSectors
	if h.unknown || len(h.sectors) > maxOldSectors {
		return true, nil
	}
	written := map[int64][]segment{}
	for _, s := range wrote {
		written[s.Off] = append(written[s.Off], s)
	}
	zeros := h.contains(make([]byte, aliasSector))
	buf := make([]byte, image.MaxRange)
	for _, r := range im.Ranges() {
		if r.Kind == image.Zero {
			if zeros && bytesOf(written[r.Off]) < r.Len {
				return true, nil
			}
			continue
		}
		if _, err := im.ReadAt(buf[:r.Len], r.Off); err != nil && err != io.EOF {
			return false, classify.Wrap(err, classify.ImageRead, "cannot read the image")
		}
		at, end := int64(0), t.padded(r.Len)
		clear(buf[r.Len:end])
		for _, s := range append(written[r.Off], segment{from: end, to: end}) { // what lies between them
			if s.from > at && h.contains(buf[at:s.from]) {
				return true, nil
			}
			at = max(at, s.to)
		}
	}
	return false, nil
}
