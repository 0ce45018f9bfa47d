package linux

import (
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// ramDisk is a disk's storage.
type ramDisk []byte

func (m ramDisk) ReadAt(p []byte, off int64) (int, error)  { return copy(p, m[off:]), nil }
func (m ramDisk) WriteAt(p []byte, off int64) (int, error) { return copy(m[off:], p), nil }

// gpt makes a disk of 64 sectors whose table, at LBA 2, has one entry from first to last, and whose header is
// changed by edit before it is summed.
func gpt(first, last uint64, edit func(header []byte)) *disk {
	le := binary.LittleEndian
	m := make(ramDisk, 64*512)
	entry, header := m[2*512:2*512+128], m[512:2*512]
	entry[0] = 1
	le.PutUint64(entry[32:], first)
	le.PutUint64(entry[40:], last)
	copy(entry[56:], "b\x00o\x00o\x00t\x00")
	copy(header, gptSignature)
	le.PutUint32(header[12:], gptHeader)
	le.PutUint64(header[72:], 2)
	le.PutUint32(header[80:], 1)
	le.PutUint32(header[84:], 128)
	le.PutUint32(header[88:], crc32.ChecksumIEEE(entry))
	edit(header)
	le.PutUint32(header[16:], crc32.ChecksumIEEE(header[:gptHeader]))
	return newDisk(Disk{Name: "vda", Size: int64(len(m)), Storage: m}, 0)
}

func TestPartitionsOfHostileTables(t *testing.T) {
	le := binary.LittleEndian
	for name, c := range map[string]struct {
		first, last uint64
		edit        func(header []byte)
		want        int
	}{
		"sound":                        {4, 7, func([]byte) {}, 1},
		"a table past all sectors":     {4, 7, func(h []byte) { le.PutUint64(h[72:], 1<<40) }, 0},
		"a table at an LBA that wraps": {4, 7, func(h []byte) { le.PutUint64(h[72:], 1<<55+2) }, 0}, // 2 as a product of 64 bits
		"a table at a negative LBA":    {4, 7, func(h []byte) { le.PutUint64(h[72:], 1<<64-1) }, 0},
		"4 G entries":                  {4, 7, func(h []byte) { le.PutUint32(h[80:], 1<<32-1) }, 0},
		"entries of 4 GiB":             {4, 7, func(h []byte) { le.PutUint32(h[84:], 1<<32-1) }, 0},
		"no entries":                   {4, 7, func(h []byte) { le.PutUint32(h[80:], 0); le.PutUint32(h[88:], 0) }, 0},
		"an end past all sectors":      {4, 1 << 62, func([]byte) {}, 0},
		"a negative end":               {4, 1<<64 - 1, func([]byte) {}, 0},
		"a beginning after the end":    {8, 7, func([]byte) {}, 0},
		"a beginning that wraps":       {1 << 55, 1<<55 + 4, func([]byte) {}, 0},
	} {
		if got := gpt(c.first, c.last, c.edit).partitions(); len(got) != c.want {
			t.Errorf("%s: %d partitions; want %d", name, len(got), c.want)
		}
	}
}
