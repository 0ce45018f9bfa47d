package image

import (
	"context"
	"encoding/binary"
	"io"
	"math"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/flashlua/flashlua/engine/bounded"
)

// The functions below return the decoded size that the header or the index of a compressed file declares. They
// return 0 if it declares none, or one that overflows; decoding decides.

// declares returns the decoded size that a file declares, 0 if its format declares none.
func (p *format) declares(r io.ReaderAt, size int64) int64 {
	if p.declared == nil {
		return 0
	}
	return p.declared(r, size)
}

func declaredXZ(r io.ReaderAt, size int64) int64 {
	blocks, _ := readIndexes(context.Background(), r, size)
	sum, ok := int64(0), true
	for i := range blocks {
		if sum, ok = bounded.Add(sum, blocks[i].unpacked); !ok {
			return 0
		}
	}
	return sum
}

// declaredZstd returns the size of the first frame; there may be more.
func declaredZstd(r io.ReaderAt, size int64) int64 {
	head := make([]byte, min(size, zstd.HeaderMaxSize))
	var h zstd.Header
	if !readAt(r, head, 0) || h.Decode(head) != nil || h.Skippable || !h.HasFCS || h.FrameContentSize > math.MaxInt64 {
		return 0
	}
	return int64(h.FrameContentSize)
}

// declaredLZ4 returns the size of the first frame; there may be more.
func declaredLZ4(r io.ReaderAt, size int64) int64 {
	z := lz4.NewReader(io.NewSectionReader(r, 0, size))
	if _, err := z.Read(nil); err != nil { // reads the header, which has a checksum
		return 0
	}
	return max(int64(z.Size()), 0)
}

func declaredSparse(r io.ReaderAt, _ int64) int64 {
	var head [sparseHeader]byte
	if !readAt(r, head[:], 0) {
		return 0
	}
	n, _ := bounded.Mul(int64(binary.LittleEndian.Uint32(head[12:])), int64(binary.LittleEndian.Uint32(head[16:])))
	return n
}
