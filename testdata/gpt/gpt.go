// Package gpt writes GUID partition tables for tests. It knows no board.
package gpt

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"testing"
	"unicode/utf16"
)

// Partition is one of a disk's. It has whole sectors.
type Partition struct {
	Label string
	From  int64 // bytes
	Size  int64 // bytes
}

// Write writes a table of partitions to the file that is a disk.
func Write(t testing.TB, disk string, parts ...Partition) {
	t.Helper()
	st, err := os.Stat(disk)
	if err != nil {
		t.Fatal(err)
	}
	const sector, entries, entrySize = 512, 128, 128
	table := make([]byte, entries*entrySize)
	for i, p := range parts {
		e := table[i*entrySize:]
		copy(e, "any kind of data")      // the type
		copy(e[16:], "partition number") // its own name
		e[31] = byte(i)                  // of which there is one
		le := binary.LittleEndian
		le.PutUint64(e[32:], uint64(p.From/sector))
		le.PutUint64(e[40:], uint64((p.From+p.Size)/sector-1))
		for j, c := range utf16.Encode([]rune(p.Label)) {
			le.PutUint16(e[56+2*j:], c)
		}
	}
	last := uint64(st.Size()/sector - 1)
	header := func(at, other, entriesAt uint64) []byte {
		var b bytes.Buffer
		b.WriteString("EFI PART")
		binary.Write(&b, binary.LittleEndian, []uint32{0x10000, 92, 0, 0})
		binary.Write(&b, binary.LittleEndian, []uint64{at, other, 34, last - 33})
		b.WriteString("one disk of many")
		binary.Write(&b, binary.LittleEndian, entriesAt)
		binary.Write(&b, binary.LittleEndian, []uint32{entries, entrySize, crc32.ChecksumIEEE(table)})
		binary.LittleEndian.PutUint32(b.Bytes()[16:], crc32.ChecksumIEEE(b.Bytes()))
		return append(b.Bytes(), make([]byte, sector-b.Len())...)
	}
	mbr := make([]byte, sector)
	mbr[446+4] = 0xee // all of the disk belongs to GPT
	binary.LittleEndian.PutUint32(mbr[446+8:], 1)
	binary.LittleEndian.PutUint32(mbr[446+12:], uint32(last))
	mbr[510], mbr[511] = 0x55, 0xaa
	f, err := os.OpenFile(disk, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for at, b := range map[uint64][]byte{0: mbr, 1: header(1, last, 2), 2: table, last - 32: table, last: header(last, 1, last-32)} {
		if _, err := f.WriteAt(b, int64(at*sector)); err != nil {
			t.Fatal(err)
		}
	}
}
