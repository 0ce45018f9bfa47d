package image

import (
	"encoding/binary"
	"hash/crc32"
)

// sectorSizes are the sizes of logical sectors that disks have, in bytes.
var sectorSizes = []int64{512, 1024, 2048, 4096}

// TableSectorSize returns the size in bytes of the sectors for which the image's partition table was made. It
// returns 0 if there is no table, or if it does not say. Sources: UEFI 2.10, 5.3.2; a table of the MBR says it only
// by the places of the file systems.
func (im *Image) TableSectorSize() int64 {
	found := int64(0)
	for _, size := range sectorSizes {
		if im.hasGPT(size) {
			if found != 0 { // made for both
				return 0
			}
			found = size
		}
	}
	if found == 0 {
		found = im.mbrSectorSize()
	}
	return found
}

// hasGPT reports whether the header of a GPT is in the second sector of a size.
func (im *Image) hasGPT(sector int64) bool {
	const headerSize = 92
	h := make([]byte, headerSize)
	if !readAt(im.f, h, sector) || string(h[:8]) != "EFI PART" || binary.LittleEndian.Uint32(h[12:]) != headerSize {
		return false
	}
	want := binary.LittleEndian.Uint32(h[16:])
	clear(h[16:20])
	return binary.LittleEndian.Uint64(h[24:]) == 1 && crc32.ChecksumIEEE(h) == want
}

// mbrSectorSize returns the sector size of an MBR's table, 0 if it is not known.
func (im *Image) mbrSectorSize() int64 {
	const tableAt, entrySize, protective, signature = 446, 16, 0xee, "\x55\xaa"
	mbr := make([]byte, 512)
	if !readAt(im.f, mbr, 0) || string(mbr[510:]) != signature {
		return 0
	}
	votes := map[int64]bool{}
	for e := mbr[tableAt : tableAt+4*entrySize]; len(e) > 0; e = e[entrySize:] {
		if e[0]&0x7f != 0 { // the boot code of a file system, not a table
			return 0
		}
		first := int64(binary.LittleEndian.Uint32(e[8:]))
		if e[4] == 0 || e[4] == protective || first == 0 {
			continue
		}
		for _, size := range sectorSizes {
			if im.hasFileSystem(first * size) {
				votes[size] = true
			}
		}
	}
	if len(votes) != 1 {
		return 0
	}
	for size := range votes {
		return size
	}
	return 0
}

// fileSystems are the magics of file systems that stand in partitions of an MBR.
var fileSystems = []struct {
	at    int64
	magic string
}{
	{1080, "\x53\xef"}, {54, "FAT1"}, {82, "FAT32"}, {3, "EXFAT   "}, {3, "NTFS    "}, {0, "hsqs"}, {0, "XFSB"}, {65600, "_BHRfS_M"}, {1024, "\x10\x20\xf5\xf2"},
}

// hasFileSystem reports whether a file system begins at off.
func (im *Image) hasFileSystem(off int64) bool {
	for _, fs := range fileSystems {
		got := make([]byte, len(fs.magic))
		if readAt(im.f, got, off+fs.at) && string(got) == fs.magic {
			return true
		}
	}
	return false
}
