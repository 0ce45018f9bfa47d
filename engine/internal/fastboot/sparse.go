package fastboot

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"

	"github.com/flashlua/flashlua/engine/internal/image"
)

// Image is what is written.
type Image interface {
	io.ReaderAt
	Size() int64           // bytes
	Ranges() []image.Range // what of it matters; the rest may hold anything
}

// Android's sparse format, version 1. Source: libsparse/sparse_format.h of the Android Open Source Project.
const (
	sparseMagic  = 0xed26ff3a
	sparseHeader = 28
	chunkHeader  = 12
	chunkRaw     = 0xcac1
	chunkFill    = 0xcac2
	chunkSkip    = 0xcac3
	block        = 4096
)

// minDownload is the smallest limit of a download with which an image can be divided, in bytes: each piece of data
// is at most half of it.
const minDownload = 64 << 10

// download is what one download has: bytes of the image, and what stands between them.
type download []io.ReadSeeker

// size returns the bytes of a download. It moves a reader that open returned.
func (d download) size() (n int64) {
	for _, part := range d {
		end, _ := part.Seek(0, io.SeekEnd)
		n += end
	}
	return n
}

// open returns a reader of the whole download.
func (d download) open() io.Reader {
	var all []io.Reader
	for _, part := range d {
		part.Seek(0, io.SeekStart)
		all = append(all, part)
	}
	return io.MultiReader(all...)
}

// chunk is a part of a sparse image.
type chunk struct {
	kind   uint16
	blocks int64
	data   download
}

// size returns the bytes that it has in a sparse image.
func (c chunk) size() int64 { return chunkHeader + c.data.size() }

// divide returns the downloads of an image that is written with at most limit bytes in each: one with the image as
// it is, or sparse images.
func divide(im Image, limit int64) []download {
	if im.Size() <= limit {
		return []download{{io.NewSectionReader(im, 0, im.Size())}}
	}
	total := (im.Size() + block - 1) / block
	var all []download
	var chunks []chunk
	var at, begin int64 // in blocks: where the next chunk begins; where the first of chunks does
	used := int64(sparseHeader + 2*chunkHeader)
	flush := func() {
		if len(chunks) > 0 {
			all = append(all, sparse(chunks, begin, total))
		}
		chunks, used, begin = nil, sparseHeader+2*chunkHeader, at
	}
	add := func(c chunk) {
		if used+c.size() > limit {
			flush()
		}
		chunks, used, at = append(chunks, c), used+c.size(), at+c.blocks
	}
	for _, r := range im.Ranges() {
		if gap := r.Off/block - at; gap > 0 {
			add(chunk{kind: chunkSkip, blocks: gap})
		}
		for off := r.Off; off < r.Off+r.Len; {
			n := min(r.Off+r.Len-off, limit/2/block*block)
			add(chunkOf(im, r.Kind, off, n))
			off += n
		}
	}
	flush()
	return all
}

// chunkOf returns the chunk of n bytes of an image, filled up with zeros to whole blocks.
func chunkOf(im Image, kind image.Kind, off, n int64) chunk {
	blocks := (n + block - 1) / block
	if kind == image.Zero {
		return chunk{chunkFill, blocks, download{bytes.NewReader(make([]byte, 4))}}
	}
	c := chunk{chunkRaw, blocks, download{io.NewSectionReader(im, off, n)}}
	if rest := blocks*block - n; rest > 0 {
		c.data = append(c.data, bytes.NewReader(make([]byte, rest)))
	}
	return c
}

// sparse returns a sparse image of total blocks whose chunks begin at a block; the blocks around them are skipped.
func sparse(chunks []chunk, begin, total int64) download {
	end := begin
	for _, c := range chunks {
		end += c.blocks
	}
	if begin > 0 {
		chunks = slices.Insert(chunks, 0, chunk{kind: chunkSkip, blocks: begin})
	}
	if end < total {
		chunks = append(chunks, chunk{kind: chunkSkip, blocks: total - end})
	}
	u16, u32 := binary.LittleEndian.AppendUint16, binary.LittleEndian.AppendUint32
	head := u16(u16(u16(u16(u32(nil, sparseMagic), 1), 0), sparseHeader), chunkHeader)
	head = u32(u32(u32(u32(head, block), uint32(total)), uint32(len(chunks))), 0)
	d := download{bytes.NewReader(head)}
	for _, c := range chunks {
		d = append(d, bytes.NewReader(u32(u32(u16(u16(nil, c.kind), 0), uint32(c.blocks)), uint32(c.size()))))
		d = append(d, c.data...)
	}
	return d
}
