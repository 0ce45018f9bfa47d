package image

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/flashlua/flashlua/engine/bounded"
)

// Android's sparse format, version 1. Source: libsparse/sparse_format.h of the Android Open Source Project.
const (
	sparseHeader = 28
	chunkHeader  = 12
	chunkRaw     = 0xcac1
	chunkFill    = 0xcac2
	chunkSkip    = 0xcac3 // don't care; read as zeros
	chunkCRC     = 0xcac4 // of everything before, with unmapped parts as zeros
)

// sparse decodes a sparse image to the raw one.
type sparse struct {
	in     *bufio.Reader
	block  int64
	blocks int64 // that remain
	chunks uint32
	pad    int // extra bytes of a chunk's header

	left int64    // bytes of the current chunk
	fill *[4]byte // nil for raw bytes
	at   int      // offset in fill

	done    int64 // bytes that were returned
	crc     uint32
	skipped []skip
}

func (s *sparse) Close() error { return nil }

// skips returns the unmapped parts of what was read.
func (s *sparse) skips() []skip { return s.skipped }

// decodeSparse ignores zeros after the last chunk, as simg2img does.
func decodeSparse(r io.Reader, _ int64) (io.ReadCloser, error) {
	in := bufio.NewReader(r)
	var h [sparseHeader]byte
	if _, err := io.ReadFull(in, h[:]); err != nil {
		return nil, unexpectedEOF(err)
	}
	u16, u32 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
	s := &sparse{in: in, block: int64(u32(h[12:])), blocks: int64(u32(h[16:])), chunks: u32(h[20:])}
	head, chunk := int(u16(h[8:])), int(u16(h[10:]))
	s.pad = chunk - chunkHeader
	switch {
	case u16(h[4:]) != 1:
		return nil, fmt.Errorf("version %d of the format is not known", u16(h[4:]))
	case head < sparseHeader || chunk < chunkHeader || s.block == 0 || s.block%4 != 0:
		return nil, errors.New("its header makes no sense")
	}
	if _, ok := bounded.Mul(s.block, s.blocks); !ok { // the sizes of all chunks together are no more than that
		return nil, fmt.Errorf("its header has %d blocks of %d bytes", s.blocks, s.block)
	}
	_, err := io.CopyN(io.Discard, in, int64(head-sparseHeader))
	return s, unexpectedEOF(err)
}

// unexpectedEOF returns io.ErrUnexpectedEOF in place of io.EOF.
func unexpectedEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// next begins a chunk.
func (s *sparse) next() error {
	if s.chunks == 0 {
		if s.blocks != 0 {
			return fmt.Errorf("%d blocks are missing", s.blocks)
		}
		return onlyZeros(s.in)
	}
	s.chunks--
	var h [chunkHeader]byte
	if _, err := io.ReadFull(s.in, h[:]); err != nil {
		return unexpectedEOF(err)
	}
	if _, err := io.CopyN(io.Discard, s.in, int64(s.pad)); err != nil {
		return unexpectedEOF(err)
	}
	kind, blocks, size := binary.LittleEndian.Uint16(h[:]), int64(binary.LittleEndian.Uint32(h[4:])), int64(binary.LittleEndian.Uint32(h[8:]))-chunkHeader-int64(s.pad)
	if blocks > s.blocks {
		return errors.New("it has more blocks than its header says")
	}
	s.blocks -= blocks
	s.left, s.fill, s.at = blocks*s.block, nil, 0
	want := s.left
	switch kind {
	case chunkRaw:
	case chunkFill, chunkCRC:
		want, s.fill = 4, new([4]byte)
		if _, err := io.ReadFull(s.in, s.fill[:]); err != nil {
			return unexpectedEOF(err)
		}
	case chunkSkip:
		want, s.fill = 0, new([4]byte)
		s.skip(s.left)
	default:
		return fmt.Errorf("a chunk is of the unknown kind %#x", kind)
	}
	if size != want || kind == chunkCRC && blocks != 0 {
		return errors.New("a chunk has the wrong size")
	}
	if kind == chunkCRC && binary.LittleEndian.Uint32(s.fill[:]) != s.crc {
		return errors.New("its checksum does not match")
	}
	return nil
}

// skip records that the next n bytes are unmapped. To bound memory, it drops parts that contain no whole block and
// are not the image's end.
func (s *sparse) skip(n int64) {
	if last := len(s.skipped) - 1; last >= 0 {
		before := &s.skipped[last]
		if before.End == s.done {
			before.End += n
			return
		}
		if (before.Off+BlockSize-1)/BlockSize*BlockSize+BlockSize > before.End {
			s.skipped = s.skipped[:last]
		}
	}
	s.skipped = append(s.skipped, skip{s.done, s.done + n})
}

func (s *sparse) Read(p []byte) (int, error) {
	for s.left == 0 {
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	p = p[:min(int64(len(p)), s.left)]
	n := len(p)
	if s.fill == nil {
		var err error
		if n, err = s.in.Read(p); err != nil && n == 0 {
			return 0, unexpectedEOF(err)
		}
	} else {
		for i := range p {
			p[i] = s.fill[s.at&3]
			s.at++
		}
	}
	s.left -= int64(n)
	s.done += int64(n)
	s.crc = crc32.Update(s.crc, crc32.IEEETable, p[:n])
	return n, nil
}
