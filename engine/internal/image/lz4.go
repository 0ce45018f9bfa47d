package image

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"github.com/pierrec/lz4/v4"
)

// The frames of an lz4 file. Source: the lz4 frame format 1.6.
const (
	lz4Magic       = 0x184D2204
	lz4Legacy      = 0x184C2102
	lz4LegacyBlock = 8 << 20 // bytes of a decoded block of a legacy frame
	lz4LegacyBound = lz4LegacyBlock + lz4LegacyBlock/255 + 16
)

// lz4Frames decodes frames, legacy frames and skippable frames in any order, as lz4 does. Frames are separated here,
// because the decoder of the library does not find the end of a legacy frame before each kind.
type lz4Frames struct {
	in      *bufio.Reader
	current io.Reader // the frame that is decoded; nil between frames
	decoder *lz4.Reader
	legacy  *lz4LegacyFrame
}

func decodeLZ4(r io.Reader, _ int64) (io.ReadCloser, error) {
	return io.NopCloser(&lz4Frames{in: bufio.NewReader(r)}), nil
}

func (f *lz4Frames) Read(p []byte) (int, error) {
	for len(p) > 0 {
		if f.current == nil {
			if err := f.next(); err != nil {
				return 0, err
			}
			continue
		}
		n, err := f.current.Read(p)
		if err == io.EOF {
			f.current, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, nil
}

// next begins the next frame that is not skippable. It returns io.EOF if there is none.
func (f *lz4Frames) next() error {
	for {
		head, err := f.in.Peek(8)
		if size := skippableSize(head); size > 0 {
			if _, err := io.CopyN(io.Discard, f.in, size); err != nil {
				return unexpectedEOF(err)
			}
			continue
		}
		switch {
		case len(head) == 0:
			return err
		case len(head) < 4:
			return io.ErrUnexpectedEOF
		}
		switch binary.LittleEndian.Uint32(head) {
		case lz4Magic:
			frame := &lz4Frame{in: f.in}
			if f.decoder == nil {
				f.decoder = lz4.NewReader(frame)
			} else {
				f.decoder.Reset(frame)
			}
			f.current = f.decoder
			return nil
		case lz4Legacy:
			if f.legacy == nil {
				f.legacy = &lz4LegacyFrame{in: f.in}
			}
			f.current = f.legacy
			_, err := f.in.Discard(4)
			return err
		}
		return errors.New("something else follows it")
	}
}

// lz4Frame reads one frame, encoded, and io.EOF after it.
type lz4Frame struct {
	in      *bufio.Reader
	left    int64 // bytes of the part that is read
	flags   byte
	begun   bool
	trailer bool // the part is the last one
}

func (f *lz4Frame) Read(p []byte) (int, error) {
	if f.left == 0 {
		if f.trailer {
			return 0, io.EOF
		}
		if err := f.part(); err != nil {
			return 0, unexpectedEOF(err)
		}
	}
	n, err := f.in.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	return n, unexpectedEOF(err)
}

// part measures the next part of the frame: its header, a block, or its end.
func (f *lz4Frame) part() error {
	const blockSums, contentSize, contentSum, dictionary = 1 << 4, 1 << 3, 1 << 2, 1
	optional := func(flag byte, n int64) int64 {
		if f.flags&flag == 0 {
			return 0
		}
		return n
	}
	if !f.begun {
		head, err := f.in.Peek(5)
		if err != nil {
			return err
		}
		f.begun, f.flags = true, head[4]
		f.left = 7 + optional(contentSize, 8) + optional(dictionary, 4)
		return nil
	}
	head, err := f.in.Peek(4)
	if err != nil {
		return err
	}
	size := int64(binary.LittleEndian.Uint32(head) &^ (1 << 31)) // the highest bit is of a block that is not compressed
	if f.trailer = size == 0; f.trailer {
		f.left = 4 + optional(contentSum, 4)
		return nil
	}
	f.left = 4 + size + optional(blockSums, 4)
	return nil
}

// lz4LegacyFrame decodes a legacy frame, whose magic was read. It ends at the end of the file, or before the magic
// of another frame in the place of a block's size.
type lz4LegacyFrame struct {
	in             *bufio.Reader
	packed, buffer []byte // for a block
	block          []byte // what is left of the decoded block
}

func (f *lz4LegacyFrame) Read(p []byte) (int, error) {
	for len(f.block) == 0 {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.block)
	f.block = f.block[n:]
	return n, nil
}

// next decodes the next block. It returns io.EOF after the last.
func (f *lz4LegacyFrame) next() error {
	head, err := f.in.Peek(4)
	switch {
	case len(head) == 0:
		return err
	case err != nil:
		return unexpectedEOF(err)
	}
	size := binary.LittleEndian.Uint32(head)
	if size > lz4LegacyBound {
		return io.EOF
	}
	if f.buffer == nil {
		f.buffer, f.packed = make([]byte, lz4LegacyBlock), make([]byte, lz4LegacyBound)
	}
	if _, err := f.in.Discard(4); err != nil {
		return err
	}
	if _, err := io.ReadFull(f.in, f.packed[:size]); err != nil {
		return unexpectedEOF(err)
	}
	n, err := lz4.UncompressBlock(f.packed[:size], f.buffer)
	f.block = f.buffer[:max(n, 0)]
	return err
}
