package image

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// sparseFile returns a sparse image of chunks, and its raw content.
func sparseFile(block int, kinds ...uint16) (file, raw []byte) {
	var chunks bytes.Buffer
	r, blocks := rand.NewChaCha8([32]byte{}), 0
	for i, kind := range kinds {
		n, data := 1+i%3, []byte(nil)
		content := make([]byte, n*block)
		switch kind {
		case chunkRaw:
			r.Read(content)
			data = content
		case chunkFill:
			data = []byte{1, 2, 3, byte(i)}
			content = bytes.Repeat(data, n*block/4)
		case chunkCRC:
			n, data, content = 0, binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(raw)), nil
		}
		head := binary.LittleEndian.AppendUint16(nil, kind)
		head = binary.LittleEndian.AppendUint16(head, 0)
		head = binary.LittleEndian.AppendUint32(head, uint32(n))
		head = binary.LittleEndian.AppendUint32(head, uint32(chunkHeader+len(data)))
		chunks.Write(append(head, data...))
		raw = append(raw, content...)
		blocks += n
	}
	file = []byte("\x3a\xff\x26\xed\x01\x00\x00\x00\x1c\x00\x0c\x00")
	for _, n := range []int{block, blocks, len(kinds), 0} {
		file = binary.LittleEndian.AppendUint32(file, uint32(n))
	}
	return append(file, chunks.Bytes()...), raw
}

// TestPackedSparse reads the trailer of the format around a sparse image, which the last chunk does not reach.
func TestPackedSparse(t *testing.T) {
	file, raw := sparseFile(4096, chunkRaw, chunkSkip, chunkFill, chunkRaw)
	for what, tools := range map[string][][]string{
		"bz2": {packers["bz2"]}, "gz": {packers["gz"]}, "xz": {packers["xz"]}, "zst": {packers["zst"]}, "bz2 in gz": {packers["bz2"], packers["gz"]},
	} {
		packed := file
		for _, tool := range tools {
			packed = pack(t, tool, packed)
		}
		staged(t, nil, write(t, "x", string(packed)), raw)
		if what == "gz" {
			staged(t, nil, write(t, "x", string(append(packed, pack(t, packers["gz"], nil)...))), raw) // as bgzip ends
		}
		if _, err := Open(t.Context(), Ref(write(t, "x", string(append(packed, "more"...))))); classify.Facts(err).Kind != classify.ImageDecode {
			t.Errorf("Open of %s with bytes after it = %v; want image.decode", what, err)
		}
	}
}

// TestManySmallHoles does not record holes that contain no whole block.
func TestManySmallHoles(t *testing.T) {
	var kinds []uint16
	for range 3 * BlockSize / 4096 { // of one to three blocks each
		kinds = append(kinds, chunkSkip, chunkFill)
	}
	kinds = append(kinds, slices.Repeat([]uint16{chunkSkip}, BlockSize/4096)...)
	kinds = append(kinds, chunkFill, chunkSkip)
	file, raw := sparseFile(4096, kinds...)
	s, err := decodeSparse(bytes.NewReader(file), 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(s)
	if err != nil || !bytes.Equal(got, raw) {
		t.Errorf("%d bytes, want %d: %v", len(got), len(raw), err)
	}
	skips := s.(*sparse).skips()
	if len(skips) != 2 || skips[0].End-skips[0].Off < BlockSize || skips[1].End != int64(len(raw)) {
		t.Errorf("skips = %d: %v; want only holes that contain a block", len(skips), skips)
	}
}

func TestSparse(t *testing.T) {
	for _, kinds := range [][]uint16{{chunkRaw}, {chunkSkip}, {chunkFill}, {chunkRaw, chunkSkip, chunkFill, chunkSkip, chunkRaw, chunkCRC}} {
		file, raw := sparseFile(64, kinds...)
		im, err := Open(t.Context(), Ref(write(t, "x.simg", string(file))))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, im.Size())
		if _, err := im.ReadAt(got, 0); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%v: %d bytes, %v; want %d", kinds, len(got), err, len(raw))
		}
		im.Close()
		for at := range file {
			_, err := Open(t.Context(), Ref(write(t, "x.simg", string(file[:at]))))
			if f := classify.Facts(err); f.Kind != classify.ImageDecode && f.Kind != classify.ImageFormat && f.Kind != classify.ImageEmpty {
				t.Fatalf("Open of the first %d bytes of %d = %v; want image.decode", at, len(file), err)
			}
		}
		if kinds[0] != chunkRaw { // raw bytes alone tell the size of a block; none has a digest
			continue
		}
		for at := range sparseHeader + chunkHeader {
			for bit := range 8 {
				flipped := bytes.Clone(file)
				flipped[at] ^= 1 << bit
				im, err := Open(t.Context(), Ref(write(t, "x.simg", string(flipped))))
				if err == nil && im.Size() != int64(len(raw)) {
					t.Errorf("bit %d of byte %d: Open = %d bytes; want an error or the image", bit, at, im.Size())
				}
			}
		}
	}
}

// TestSparseWithoutEnd opens a few bytes that declare 256 TiB, on a disk that does not report its free bytes: only
// the context ends it.
func TestSparseWithoutEnd(t *testing.T) {
	le := binary.LittleEndian
	file := []byte("\x3a\xff\x26\xed\x01\x00\x00\x00\x1c\x00\x0c\x00")
	for _, n := range []uint32{1 << 16, 1<<32 - 1, 1, 0} { // block size, blocks, chunks, no digest
		file = le.AppendUint32(file, n)
	}
	file = le.AppendUint32(le.AppendUint32(le.AppendUint32(file, chunkSkip), 1<<32-1), chunkHeader)
	path := write(t, "a.simg", string(file))
	for who, st := range map[string]func(enough func()) Stager{
		"a moment": func(enough func()) Stager { return Stager{Observer: Observer{Slow: enough}} },
		"three pieces": func(enough func()) Stager {
			return Stager{Observer: Observer{MinSize: func(size int64) {
				if size >= 3*MaxRange {
					enough()
				}
			}}}
		},
	} {
		late, end := context.WithTimeout(t.Context(), time.Hour)
		ctx, cancel := context.WithCancelCause(late)
		stop := errors.New("stop")
		s := st(func() { cancel(stop) })
		s.space = noneTells
		if _, err := s.Open(ctx, Ref(path)); !errors.Is(err, stop) {
			t.Errorf("%s: Open = %v; want the cause of the context", who, err)
		}
		end()
	}
}

// TestMinSize reports the size so far while an image is decoded, and that of a raw file before it is read.
func TestMinSize(t *testing.T) {
	content := content(7, 2*MaxRange+5)
	var sizes []int64
	st := Stager{Observer: Observer{MinSize: func(size int64) { sizes = append(sizes, size) }}}
	for path, want := range map[string][]int64{
		gzipped(t, content): {MaxRange, 2 * MaxRange, 2*MaxRange + 5}, write(t, "raw", string(content)): {2*MaxRange + 5}, Stdin: nil,
	} {
		sizes, st.Stdin = nil, bytes.NewReader(content)
		im, err := st.Open(t.Context(), Ref(path))
		if err != nil {
			t.Fatal(err)
		}
		im.Close()
		if !slices.Equal(sizes, want) {
			t.Errorf("MinSize of %s = %d; want %d", path, sizes, want)
		}
	}
	large := write(t, "large", "")
	if err := os.Truncate(large, 32<<30); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	if _, err := (Stager{Observer: Observer{MinSize: func(size int64) { cancel(stop) }}}).Open(ctx, Ref(large)); !errors.Is(err, stop) {
		t.Errorf("Open = %v; want the cause of the context", err)
	}
}
