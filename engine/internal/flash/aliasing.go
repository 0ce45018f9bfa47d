package flash

import (
	"bytes"
	"hash/maphash"
	"io"
	"sync"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// On a counterfeit medium, two addresses X and Y can share storage: writing Y overwrites X. Comparing before writing
// misses this: X compares equal, Y is rewritten, and X is now wrong. If Y shares storage with X, then before we wrote
// Y, reading Y returned what X holds, which is the image's data of X. So BlockWriter remembers what each rewritten
// sector held. If no such content equals a part of the image that compared equal, no sharing is possible, and those
// parts need no second read.

const (
	aliasSector   = 512
	maxOldSectors = 1 << 20 // sectors that are remembered; with more, everything is read again
)

// oldSectors holds hashes of what rewritten sectors held before. It is safe for concurrent use.
type oldSectors struct {
	mu      sync.Mutex // guards what follows
	seed    maphash.Seed
	sectors map[uint64]struct{}
	unknown bool // some sectors could not be read
}

func newOldSectors() *oldSectors {
	return &oldSectors{seed: maphash.MakeSeed(), sectors: map[uint64]struct{}{}}
}

// note remembers the sectors of got that differ from want.
func (h *oldSectors) note(want, got []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(got) > 0 && len(h.sectors) <= maxOldSectors {
		n := min(aliasSector, len(got))
		if !bytes.Equal(want[:n], got[:n]) {
			h.sectors[maphash.Bytes(h.seed, got[:n])] = struct{}{}
		}
		want, got = want[n:], got[n:]
	}
}

// markUnknown records that the old content of some sectors could not be read.
func (h *oldSectors) markUnknown() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unknown = true
}

// contains reports whether a rewritten sector held the content of any sector of p.
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

// mayAlias reports whether a segment that was written may share storage with one that compared equal.
func (w *BlockWriter) mayAlias(wrote []segment) (bool, error) {
	t, im, h := w.dev, w.im, w.dev.oldSectors
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
		for _, s := range append(written[r.Off], segment{from: end, to: end}) { // the parts between the written segments
			if s.from > at && h.contains(buf[at:s.from]) {
				return true, nil
			}
			at = max(at, s.to)
		}
	}
	return false, nil
}
