package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Kind is the content of a range. Bytes in no range are unmapped: a medium may hold anything there.
type Kind uint8

const (
	Data Kind = iota + 1
	Zero
)

// Range is a part of an image. It does not cross a multiple of MaxRange.
type Range struct {
	Off, Len int64 // bytes
	Kind     Kind
	sum      [sha256.Size]byte // of data
}

const (
	// BlockSize is the resolution of ranges: a block is Data if any byte of it is not zero. Ranges begin at
	// multiples of it.
	BlockSize = 256 << 10
	// MaxRange is the longest range.
	MaxRange = 4 << 20
	// minGap is the shortest gap of zeros or unmapped bytes between data that becomes a range of its own.
	minGap = 1 << 20
)

// zeroBlock is a block of zeros.
var zeroBlock [BlockSize]byte

// zero reports whether b, of at most BlockSize bytes, contains only zeros.
func zero(b []byte) bool { return bytes.Equal(b, zeroBlock[:len(b)]) }

// scanner computes the digest and the ranges of an image, which it reads in order.
type scanner struct {
	out     *file                   // receives the data, with holes for the rest; may be nil
	include func(off, n int64) bool // reports whether any byte is mapped; nil maps all
	work    func(n int)             // called with the bytes that were scanned
	onRange func(Range)             // called with each range
	onSize  func(size int64)        // called with the size so far
	buf     *[MaxRange]byte
	fill    int
	size    int64 // bytes of the image that were scanned
	digest  hash.Hash
	ranges  []Range
}

// pieces are buffers for reuse.
var pieces = sync.Pool{New: func() any { return new([MaxRange]byte) }}

// WithBuffer calls f with a buffer of MaxRange bytes, whose content is arbitrary and which f must not keep.
func WithBuffer(f func(buf []byte) error) error {
	buf := pieces.Get().(*[MaxRange]byte)
	defer pieces.Put(buf)
	return f(buf[:])
}

func newScanner(work func(int)) *scanner {
	return &scanner{digest: sha256.New(), work: work, onRange: func(Range) {}, onSize: func(int64) {}, buf: pieces.Get().(*[MaxRange]byte)}
}

// ReadFrom implements io.ReaderFrom, so that io.Copy reads into the scanner's buffer.
func (s *scanner) ReadFrom(r io.Reader) (n int64, err error) {
	for {
		m, err := r.Read(s.buf[s.fill:])
		s.fill += m
		n += int64(m)
		if s.fill == len(s.buf) {
			if err := s.flush(); err != nil {
				return n, err
			}
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// release returns the buffer. The scanner must not be used afterwards.
func (s *scanner) release() { pieces.Put(s.buf) }

// finish scans the rest and returns the digest, in hex.
func (s *scanner) finish() (string, error) {
	err := s.flush()
	if err == nil && s.out != nil {
		if err = s.out.f.Truncate(s.size); err != nil {
			err = &diskError{err}
		}
	}
	return hex.EncodeToString(s.digest.Sum(nil)), err
}

// flush scans a piece. The digest takes as long as everything else, and is computed concurrently.
func (s *scanner) flush() error {
	piece := s.buf[:s.fill]
	hashed := make(chan struct{})
	go func() {
		defer close(hashed)
		s.digest.Write(piece)
	}()
	err := s.splitPiece(piece)
	<-hashed
	s.size += int64(len(piece))
	s.fill = 0
	s.work(len(piece))
	s.onSize(s.size)
	return err
}

// splitPiece appends the ranges of a piece.
func (s *scanner) splitPiece(piece []byte) error {
	var kinds []Kind // of its blocks; 0 is unmapped
	for b := range chunks(piece) {
		switch off := s.size + int64(len(kinds)*BlockSize); {
		case s.include != nil && !s.include(off, int64(len(b))):
			kinds = append(kinds, 0)
		case zero(b):
			kinds = append(kinds, Zero)
		default:
			kinds = append(kinds, Data)
		}
	}
	mergeGaps(kinds, Data)
	mergeGaps(kinds, Zero)
	whole := len(piece) / BlockSize // a partial block at the end is a range of its own, so that all others consist of whole blocks
	for from := 0; from < len(kinds); {
		to := from + 1
		for to < whole && kinds[to] == kinds[from] {
			to++
		}
		if err := s.add(kinds[from], piece, from*BlockSize, min(to*BlockSize, len(piece))); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// chunks returns the blocks of a piece.
func chunks(piece []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(piece) > 0 && yield(piece[:min(BlockSize, len(piece))]) {
			piece = piece[min(BlockSize, len(piece)):]
		}
	}
}

// mergeGaps makes short gaps between blocks of a kind, or above it, part of what is around them.
func mergeGaps(kinds []Kind, over Kind) {
	last := -1
	for i, k := range kinds {
		if k == 0 || k > over {
			continue
		}
		if last >= 0 && (i-last-1)*BlockSize < minGap {
			for j := last + 1; j < i; j++ {
				if kinds[j] == 0 || kinds[j] > over {
					kinds[j] = over
				}
			}
		}
		last = i
	}
}

// add records a range, and keeps its data.
func (s *scanner) add(kind Kind, piece []byte, from, to int) error {
	if kind == 0 {
		return nil
	}
	r := Range{Off: s.size + int64(from), Len: int64(to - from), Kind: kind}
	if kind == Data {
		r.sum = sha256.Sum256(piece[from:to])
		if s.out != nil {
			if _, err := s.out.WriteAt(piece[from:to], r.Off); err != nil {
				return err
			}
		}
	}
	s.ranges = append(s.ranges, r)
	s.onRange(r)
	return nil
}

// sparseReader reads a file and does not read its holes.
type sparseReader struct {
	ctx  context.Context
	f    *os.File
	size int64
	off  int64
	data int64 // where the file has data again, from off on; below off: not known
	hole int64 // where that data ends
}

func (h *sparseReader) Read(p []byte) (int, error) {
	if err := h.ctx.Err(); err != nil {
		return 0, err
	}
	if h.off >= h.size {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), h.size-h.off)]
	if h.off >= h.hole {
		h.nextData()
	}
	if h.off < h.data {
		n := int(min(int64(len(p)), h.data-h.off))
		clear(p[:n])
		h.off += int64(n)
		return n, nil
	}
	n, err := h.f.ReadAt(p[:min(int64(len(p)), h.hole-h.off)], h.off)
	h.off += int64(n)
	if err == io.EOF && n > 0 {
		err = nil
	}
	return n, err
}

// nextData finds the next data. A file system that knows no holes has data to the end.
func (h *sparseReader) nextData() {
	var err error
	h.data, err = unix.Seek(int(h.f.Fd()), h.off, unix.SEEK_DATA)
	switch {
	case err == unix.ENXIO: // a hole to the end
		h.data, h.hole = h.size, h.size
		return
	case err != nil:
		h.data, h.hole = h.off, h.size
		return
	}
	if h.hole, err = unix.Seek(int(h.f.Fd()), h.data, unix.SEEK_HOLE); err != nil {
		h.hole = h.size
	}
}
