package image

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/flashlua/flashlua/testdata/gpt"
)

// gptHeader returns the header of a GPT for a disk.
func gptHeader() []byte {
	h := make([]byte, 92)
	copy(h, "EFI PART\x00\x00\x01\x00\x5c\x00\x00\x00")
	binary.LittleEndian.PutUint64(h[24:], 1)
	binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(h))
	return h
}

// mbrOf returns an MBR with a partition at each of the sectors.
func mbrOf(sectors ...uint32) []byte {
	b := make([]byte, 512)
	for i, s := range sectors {
		e := b[446+16*i:]
		e[4] = 0x83
		binary.LittleEndian.PutUint32(e[8:], s)
		binary.LittleEndian.PutUint32(e[12:], 2048)
	}
	b[510], b[511] = 0x55, 0xaa
	return b
}

func TestTableSectorSize(t *testing.T) {
	real := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(real, make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	gpt.Write(t, real, gpt.Partition{Label: "boot", From: 1 << 20, Size: 1 << 20})
	table, err := os.ReadFile(real)
	if err != nil {
		t.Fatal(err)
	}
	damaged := gptHeader()
	damaged[40] ^= 1
	type piece struct {
		at      int
		content string
	}
	ext4, fat := "\x53\xef", "FAT16   "
	for name, tt := range map[string]struct {
		pieces []piece
		want   int64
	}{
		"GPT, 512":                 {[]piece{{0, string(table)}}, 512},
		"GPT, 4096":                {[]piece{{0, string(mbrOf())}, {4096, string(gptHeader())}}, 4096},
		"GPT, both":                {[]piece{{512, string(gptHeader())}, {4096, string(gptHeader())}}, 0},
		"GPT, damaged":             {[]piece{{512, string(damaged)}}, 0},
		"GPT, only its name":       {[]piece{{512, "EFI PART"}}, 0},
		"MBR, 512":                 {[]piece{{0, string(mbrOf(2048, 8192))}, {2048*512 + 1080, ext4}}, 512},
		"MBR, 512, FAT":            {[]piece{{0, string(mbrOf(64))}, {64*512 + 54, fat}}, 512},
		"MBR, 4096":                {[]piece{{0, string(mbrOf(256))}, {256*4096 + 1080, ext4}}, 4096},
		"MBR, no file system":      {[]piece{{0, string(mbrOf(2048))}}, 0},
		"MBR, file systems of two": {[]piece{{0, string(mbrOf(256))}, {256*4096 + 1080, ext4}, {256*512 + 54, fat}}, 0},
		"MBR, empty":               {[]piece{{0, string(mbrOf())}}, 0},
		"a FAT boot sector":        {[]piece{{0, "\xeb\x3c\x90mkfs.fat"}, {54, fat}, {446, "code"}, {510, "\x55\xaa"}}, 0},
		"zeros":                    {nil, 0},
	} {
		content := make([]byte, 5<<20)
		for _, p := range tt.pieces {
			copy(content[p.at:], p.content)
		}
		im, err := Open(t.Context(), Ref(write(t, "disk.img", string(content))))
		if err != nil {
			t.Fatal(err)
		}
		if got := im.TableSectorSize(); got != tt.want {
			t.Errorf("%s: TableSectorSize = %d; want %d", name, got, tt.want)
		}
		im.Close()
	}
	im, err := Open(t.Context(), Ref(write(t, "disk.img", "\x01")))
	if err != nil || im.TableSectorSize() != 0 {
		t.Errorf("TableSectorSize of an image of one byte, %v; want 0", err)
	}
	im.Close()
}
