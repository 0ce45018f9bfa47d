package image

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

// sparseFile makes a sparse image of chunks, and what it stands for.
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

func TestSparse(t *testing.T) {
	for _, kinds := range [][]uint16{{chunkRaw}, {chunkSkip}, {chunkFill}, {chunkRaw, chunkSkip, chunkFill, chunkSkip, chunkRaw, chunkCRC}} {
		file, raw := sparseFile(64, kinds...)
		im, err := Open(t.Context(), write(t, "x.simg", string(file)))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, im.Size())
		if _, err := im.ReadAt(got, 0); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%v: %d bytes, %v; want %d", kinds, len(got), err, len(raw))
		}
		im.Close()
		for at := range file {
			_, err := Open(t.Context(), write(t, "x.simg", string(file[:at])))
			if f := classify.Facts(err); f.Kind != classify.ImageDecode && f.Kind != classify.ImageFormat && f.Kind != classify.ImageEmpty {
				t.Fatalf("%d bytes of %d: %v", at, len(file), err)
			}
		}
		if kinds[0] != chunkRaw { // raw bytes alone tell the size of a block; none has a digest
			continue
		}
		for at := range sparseHeader + chunkHeader {
			for bit := range 8 {
				flipped := bytes.Clone(file)
				flipped[at] ^= 1 << bit
				im, err := Open(t.Context(), write(t, "x.simg", string(flipped)))
				if err == nil && im.Size() != int64(len(raw)) {
					t.Errorf("bit %d of byte %d: it opens with %d bytes", bit, at, im.Size())
				}
			}
		}
	}
}
