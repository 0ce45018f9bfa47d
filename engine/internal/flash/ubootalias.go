package flash

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/flashlua/flashlua/engine/internal/image"
)

// On a medium that is smaller than it says, a block can share storage with another (see aliasing.go): what a wrong
// block held before it is written is then also what a right one holds, which the write destroys. All addresses
// beyond the real size are shifted alike, but for those around a multiple of it. So some sectors of each run of
// wrong blocks are hashed before the write. If no shift makes all of them sectors of the image, what was right
// stays right, and need not be read once more. The first and the last mebibyte are read in any case: a run that
// has the real size in it wraps to there.

const (
	maxOldRun     = mib     // bytes of a run of wrong blocks
	maxOldRuns    = 1 << 10 // up to which it is worth to look
	oldPerRun     = 3       // sectors of each
	maxOldMatches = 1 << 20
)

// oldRun are sectors of a run of wrong blocks.
type oldRun struct {
	at   []int64  // offsets
	sums []uint32 // before the write
}

// oldRuns are those of a comparison. The zero value has none.
type oldRuns struct {
	runs    []oldRun
	unknown bool // too many, or blocks without a comparison
}

// rememberOld has the board hash sectors of wrong blocks of a group, which are in the check buffer.
func (w *UBootWriter) rememberOld(ctx context.Context, g hashGroup, bad ranges) error {
	o := &w.old
	runs := bad.cut(w.Medium, maxOldRun)
	o.unknown = o.unknown || len(o.runs)+len(runs) > maxOldRuns || w.board.quick.name != crc.name
	if o.unknown {
		return nil
	}
	var parts []span
	for _, r := range runs {
		at, err := w.tellingSectors(r)
		if err != nil {
			return err
		}
		for _, off := range at {
			from := w.board.check + uint64(off-g.off)
			parts = append(parts, span{from, from + uint64(w.Medium.Sector)})
		}
		o.runs = append(o.runs, oldRun{at: at})
	}
	sums, err := w.dut.hash(ctx, crc, parts...)
	if err != nil {
		return err
	}
	for i := len(o.runs) - len(runs); i < len(o.runs); i++ {
		for range o.runs[i].at {
			var sum uint32
			fmt.Sscanf(sums[0], "%x", &sum)
			o.runs[i].sums, sums = append(o.runs[i].sums, sum), sums[1:]
		}
	}
	return nil
}

// tellingSectors returns offsets of sectors in a run, one from each of its parts. What an old version of the image
// held there is often what the image holds, so that a sector of more than one value is a rare one.
func (w *UBootWriter) tellingSectors(r ddRun) (at []int64, err error) {
	n := w.Medium.Sector
	buf := make([]byte, r.len)
	if _, err := newStream(w.im, []ddRun{r}).ReadAt(buf, 0); err != nil {
		return nil, err
	}
	sectors := r.len / n
	for i := range int64(oldPerRun) {
		from, to := sectors*i/oldPerRun, sectors*(i+1)/oldPerRun
		if from == to {
			continue
		}
		tells := from
		for s := from; s < to; s++ {
			if sector := buf[s*n : (s+1)*n]; bytes.Count(sector, sector[:1]) < len(sector)/2 {
				tells = s
				break
			}
		}
		at = append(at, r.off+tells*n)
	}
	return at, nil
}

// mayAlias reports whether a block that is to be written may share storage with one that is right.
func (w *UBootWriter) mayAlias(ctx context.Context) (bool, error) {
	type place struct {
		run    int
		offset int64
	}
	if w.old.unknown {
		return true, nil
	}
	n := w.Medium.Sector
	zero := crc32.ChecksumIEEE(make([]byte, n))
	sought := map[uint32][]place{}
	need := make([]int, len(w.old.runs)) // matches of one shift that make a run suspicious
	for i, r := range w.old.runs {
		for k, sum := range r.sums {
			if sum != zero { // zeros are in too many places: they match each shift
				sought[sum] = append(sought[sum], place{i, r.at[k]})
				need[i]++
			}
		}
	}
	if slices.Contains(need, 0) {
		return true, nil
	}
	matches := map[place]int{} // by run and shift
	buf := make([]byte, image.MaxRange)
	for _, r := range ranges(w.im.Ranges()).ofKind(image.Data) {
		if err := context.Cause(ctx); err != nil {
			return true, err
		}
		if err := w.im.ReadRange(r, buf); err != nil {
			return true, err
		}
		clear(buf[r.Len:roundUp(r.Len, n)])
		for at := int64(0); at < r.Len; at += n {
			for _, p := range sought[crc32.ChecksumIEEE(buf[at:at+n])] {
				if shift := (place{p.run, r.Off + at - p.offset}); shift.offset != 0 {
					if matches[shift]++; matches[shift] == need[p.run] || len(matches) > maxOldMatches {
						return true, nil
					}
				}
			}
		}
	}
	return false, nil
}
