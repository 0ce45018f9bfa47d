package flash

import (
	"bytes"

	"github.com/flashlua/flashlua/engine/internal/image"
)

// writeBlock is the smallest unit that is written, in bytes.
const writeBlock = 64 << 10

// segment is a part of a range. The last segment of an image ends at a sector boundary.
type segment struct {
	image.Range
	from, to int64 // bytes, relative to the range
	wrong    bool  // known to differ: no need to compare it again
}

// segments returns the ranges as whole segments.
func (s ranges) segments() (all []segment) {
	for _, r := range s {
		all = append(all, segment{Range: r, to: r.Len})
	}
	return all
}

// remaining returns the segments of s that are not known to be right. results has the wrong segments of each range
// that was compared: they only need to be written. A range without a result needs to be compared first. remaining
// distributes the former evenly among the latter, because a medium may read and write at the same time.
func (s ranges) remaining(results map[image.Range][]segment) (all []segment) {
	var known, unknown []segment
	for _, r := range s {
		wrong, ok := results[r]
		if !ok {
			unknown = append(unknown, segment{Range: r, to: r.Len})
		}
		for _, w := range wrong {
			w.wrong = true
			known = append(known, w)
		}
	}
	for i, w := range known {
		upTo := len(unknown) * (i + 1) / len(known)
		all = append(append(all, unknown[len(unknown)*i/len(known):upTo]...), w)
	}
	if len(known) == 0 {
		return unknown
	}
	return all
}

// sampleSegments returns n segments of one block each, far from each other.
func (s ranges) sampleSegments(n int) (all []segment) {
	for _, r := range s.sample(n) {
		all = append(all, segment{Range: r, to: min(r.Len, writeBlock)})
	}
	return all
}

// bytesOf returns the length of all segments together.
func bytesOf(segments []segment) (n int64) {
	for _, s := range segments {
		n += s.to - s.from
	}
	return n
}

// mismatchedBlocks returns the blocks of a segment in which want and got differ. Adjacent blocks are joined.
func mismatchedBlocks(s segment, want, got []byte) (wrong []segment) {
	if bytes.Equal(want, got) {
		return nil
	}
	for at := 0; at < len(want); at += writeBlock {
		to := min(at+writeBlock, len(want))
		if bytes.Equal(want[at:to], got[at:to]) {
			continue
		}
		from := s.from + int64(at)
		if last := len(wrong) - 1; last >= 0 && wrong[last].to == from {
			wrong[last].to = s.from + int64(to)
			continue
		}
		wrong = append(wrong, segment{Range: s.Range, from: from, to: s.from + int64(to)})
	}
	return wrong
}
