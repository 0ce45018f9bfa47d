// Package uimage makes legacy uImages, which U-Boot's bootm starts: a header of 64 bytes before the data.
//
// It owns the format. It does not know where the data is from. Source: U-Boot, include/image.h, struct
// legacy_img_hdr, and the names of boot/image.c, which mkimage takes.
package uimage

import (
	"encoding/binary"
	"hash/crc32"
)

const (
	HeaderSize = 64         // bytes
	Magic      = 0x27051956 // the first four bytes, big-endian as all numbers
	MaxData    = 1<<32 - 1  // bytes
	NameSize   = 32         // bytes that a name may have
)

// Header is what the header says of the data. Its time is 0, so that the same data makes the same uImage.
type Header struct {
	Arch, Type, Compression uint8
	Load, Entry             uint32
	Name                    string // at most NameSize bytes
}

// linux is the operating system of all images: U-Boot hands over to it.
const linux = 5

// Arches, Types and Compressions are the numbers of the header by mkimage's names. The types are those whose data is
// a single file without a table of its own.
var (
	Arches = map[string]uint8{
		"arm": 2, "x86": 3, "mips": 5, "mips64": 6, "powerpc": 7, "sh": 9, "sparc": 10, "sparc64": 11, "m68k": 12, "microblaze": 14,
		"nios2": 15, "or1k": 21, "arm64": 22, "arc": 23, "x86_64": 24, "xtensa": 25, "riscv": 26,
	}
	Types        = map[string]uint8{"standalone": 1, "kernel": 2, "ramdisk": 3, "firmware": 5, "filesystem": 7, "kernel_noload": 14}
	Compressions = map[string]uint8{"none": 0, "gzip": 1, "bzip2": 2, "lzma": 3, "lzo": 4, "lz4": 5, "zstd": 6}
)

// Encode returns the header for data of size bytes with a CRC-32.
func (h Header) Encode(size, crc uint32) []byte {
	b := make([]byte, HeaderSize)
	for i, v := range []uint32{Magic, 0, 0, size, h.Load, h.Entry, crc} {
		binary.BigEndian.PutUint32(b[4*i:], v)
	}
	b[28], b[29], b[30], b[31] = linux, h.Arch, h.Type, h.Compression
	copy(b[32:], h.Name)
	binary.BigEndian.PutUint32(b[4:], crc32.ChecksumIEEE(b)) // its own field is 0 in it
	return b
}
