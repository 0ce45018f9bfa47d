package flash

import (
	"cmp"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math/bits"
	"os"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/engine/internal/image"
)

const (
	mib = 1 << 20

	// A board hashes as much at once as its memory permits, because each command costs some milliseconds.
	slowGroup = 1 << 20
	minGroup  = 4 << 20 // for a board whose speed is not known
	maxGroup  = 64 << 20
)

// ranges are ranges of an image, in order.
type ranges []image.Range

// ddRun is what the board copies with one dd: adjacent ranges of one kind, in blocks of one size.
type ddRun struct {
	off, len int64 // bytes
	block    int64 // bytes; divides both
}

// ddArgs returns the arguments of dd: block size, offset and count in blocks.
func (r ddRun) ddArgs() string {
	return fmt.Sprintf("%d %d %d", r.block, r.off/r.block, r.len/r.block)
}

// size returns the length of all ranges together, in bytes.
func (s ranges) size() (n int64) {
	for _, r := range s {
		n += r.Len
	}
	return n
}

// ofKind returns the ranges of one kind.
func (s ranges) ofKind(k image.Kind) ranges {
	return slices.DeleteFunc(slices.Clone(s), func(r image.Range) bool { return r.Kind != k })
}

// splitBootRanges splits off the ranges of the first mebibyte, which hold the partition table. A disk without a
// table does not boot, so they are written last.
func (s ranges) splitBootRanges() (first, others ranges) {
	n := 0
	for n < len(s) && s[n].Off < mib {
		n++
	}
	return s[:n], s[n:]
}

// runs joins adjacent ranges, and splits them where blocks of another size begin. The last run is padded to a
// whole sector.
func (s ranges) runs(m Medium) (all []ddRun) {
	for i := 0; i < len(s); {
		off, end := s[i].Off, s[i].Off+s[i].Len
		for i++; i < len(s) && s[i].Off == end; i++ {
			end += s[i].Len
		}
		all = append(all, splitBlocks(off, m.padded(end))...)
	}
	return all
}

// splitBlocks splits a part into runs with the largest blocks that divide it: of a mebibyte where the run is long.
func splitBlocks(off, end int64) (all []ddRun) {
	add := func(to int64) {
		if to > off {
			block := min(int64(1)<<bits.TrailingZeros64(uint64(off|to|mib)), mib)
			all = append(all, ddRun{off, to - off, block})
			off = to
		}
	}
	const worth = 32 * mib // bytes from which on a further command, for larger blocks, costs less
	if end-off >= worth {
		add((off + mib - 1) / mib * mib)
		add(end / mib * mib)
	}
	add(end / image.BlockSize * image.BlockSize)
	add(end)
	return all
}

// hashGroup is what the board hashes at once.
type hashGroup struct {
	ddRun
	ranges ranges
}

// groups joins adjacent ranges of any kind into groups of at most maxSize bytes.
func (s ranges) groups(m Medium, maxSize int64) (all []hashGroup) {
	for i := 0; i < len(s); {
		from := i
		end := s[i].Off + s[i].Len
		whole := end%image.BlockSize == 0
		for i++; whole && i < len(s) && s[i].Off == end && s[i].Off+s[i].Len-s[from].Off <= maxSize; i++ {
			if s[i].Len%image.BlockSize != 0 { // the end of the image has blocks of another size
				break
			}
			end += s[i].Len
		}
		block := min(int64(1)<<bits.TrailingZeros64(uint64(s[from].Off|m.padded(end)|mib)), mib)
		all = append(all, hashGroup{ddRun{s[from].Off, m.padded(end) - s[from].Off, block}, s[from:i]})
	}
	return all
}

// digest returns the digest with which a group must read back, in hex. ReadRange fails if the image has changed
// since its own digest was made.
func (g hashGroup) digest(im Image, h hash.Hash, buf []byte) (string, error) {
	for _, r := range g.ranges {
		if err := im.ReadRange(r, buf); err != nil {
			return "", err
		}
		h.Write(buf[:r.Len])
	}
	last := g.ranges[len(g.ranges)-1]
	h.Write(make([]byte, g.off+g.len-last.Off-last.Len))
	return hex.EncodeToString(h.Sum(nil)), nil
}

// commandList is a list of commands for the helper.
type commandList struct {
	strings.Builder
	size  int64 // bytes of the medium that the commands cover
	entry int64 // bytes of the longest command that neither prints a line nor transfers data
}

func (l *commandList) add(command string, r ddRun, rest ...string) {
	fmt.Fprintln(l, command, r.ddArgs(), strings.Join(rest, " "))
	l.size += r.len
	if command != "put" {
		l.entry = max(l.entry, r.len)
	}
}

// hashes are the digests that a board may have, by the name of its program. They detect damage, not an attacker,
// who would have to be on the board and could forge any reply. MD5 suffices, and is the fastest on many boards.
var hashes = map[string]func() hash.Hash{"md5sum": md5.New, "sha256sum": sha256.New, "sha512sum": sha512.New}

// stream is the content of runs of an image, one after another, with zeros after the image's end.
type stream struct {
	im      Image
	runs    []ddRun
	offsets []int64 // of each run in the stream, in bytes
	size    int64
}

func newStream(im Image, runs []ddRun) *stream {
	s := &stream{im: im, runs: runs}
	for _, r := range runs {
		s.offsets = append(s.offsets, s.size)
		s.size += r.len
	}
	return s
}

// runIndex returns the run at an offset of the stream.
func (s *stream) runIndex(off int64) int {
	i, found := slices.BinarySearch(s.offsets, off)
	if !found {
		i--
	}
	return i
}

// File implements serve.FileBacked: all but the padding lies in the image's file.
func (s *stream) File(off int64) (f *os.File, at, n int64) {
	if off >= s.size {
		return nil, 0, 0
	}
	i := s.runIndex(off)
	at = s.runs[i].off + off - s.offsets[i]
	return s.im.File(), at, min(s.runs[i].off+s.runs[i].len, s.im.Size()) - at
}

// ReadAt implements io.ReaderAt.
func (s *stream) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		if off >= s.size {
			return n, io.EOF
		}
		i := s.runIndex(off)
		r := s.runs[i]
		part := p[n:min(int64(len(p)), int64(n)+r.len-(off-s.offsets[i]))]
		m, err := s.im.ReadAt(part, r.off+off-s.offsets[i])
		if err != nil && err != io.EOF {
			return n + m, err
		}
		clear(part[m:])
		n += len(part)
		off += int64(len(part))
	}
	return n, nil
}

// without returns the ranges that are not in other.
func (s ranges) without(other ranges) ranges {
	in := map[int64]bool{}
	for _, r := range other {
		in[r.Off] = true
	}
	return slices.DeleteFunc(slices.Clone(s), func(r image.Range) bool { return in[r.Off] })
}

// union returns the ranges of both, in order.
func (s ranges) union(other ranges) ranges {
	all := append(slices.Clone(s), other.without(s)...)
	slices.SortFunc(all, func(a, b image.Range) int { return cmp.Compare(a.Off, b.Off) })
	return all
}

// describe returns the positions of the first ranges, for people.
func (s ranges) describe() string {
	var at []string
	for i := 0; i < len(s) && len(at) < 3; {
		off, end := s[i].Off, s[i].Off+s[i].Len
		for i++; i < len(s) && s[i].Off == end; i++ {
			end += s[i].Len
		}
		at = append(at, fmt.Sprintf("bytes %d to %d", off, end-1))
	}
	if n := s.size(); len(at) == 3 {
		return fmt.Sprintf("%s, …, %d bytes in all,", strings.Join(at, ", "), n)
	}
	return strings.Join(at, ", ")
}
