package linux

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"unicode/utf16"

	"github.com/flashlua/flashlua/engine/bounded"
)

// partition is a part of a disk.
type partition struct {
	Storage
	from int64 // bytes
}

func (p partition) ReadAt(b []byte, off int64) (int, error)  { return p.Storage.ReadAt(b, p.from+off) }
func (p partition) WriteAt(b []byte, off int64) (int, error) { return p.Storage.WriteAt(b, p.from+off) }

const (
	gptHeader     = 92         // bytes
	gptEntry      = 128        // bytes, at least
	gptMost       = 128        // entries that are looked at
	gptSignature  = "EFI PART" // of a header
	labelAt       = 56
	labelLength   = 72
	minorsPerDisk = 16
	diskMajor     = 254
)

// partitions finds those that a disk's GUID partition table has when the kernel looks, which it does once: at
// boot. A damaged table has none. Source: UEFI specification, 5.3.
func (d *disk) partitions() (all []*disk) {
	le := binary.LittleEndian
	header := make([]byte, d.Sector)
	if _, err := d.readAt(header, d.Sector, false); err != nil || !bytes.HasPrefix(header, []byte(gptSignature)) || le.Uint32(header[12:]) != gptHeader {
		return nil
	}
	sum := le.Uint32(header[16:])
	clear(header[16:20])
	count, size := int64(le.Uint32(header[80:])), int64(le.Uint32(header[84:]))
	if crc32.ChecksumIEEE(header[:gptHeader]) != sum || count > gptMost || size < gptEntry || size > d.Sector {
		return nil
	}
	table := make([]byte, count*size)
	at, ok := bounded.Mul(int64(le.Uint64(header[72:])), d.Sector)
	if !ok {
		return nil
	}
	if _, err := d.readAt(table, at, false); err != nil || crc32.ChecksumIEEE(table) != le.Uint32(header[88:]) {
		return nil
	}
	for i := range count {
		e := table[i*size:]
		first, last := int64(le.Uint64(e[32:])), int64(le.Uint64(e[40:]))
		if bytes.Equal(e[:16], make([]byte, 16)) || first <= 0 || last < first || last >= d.Size/d.Sector || i+1 >= minorsPerDisk {
			continue
		}
		between := ""
		if last := d.Name[len(d.Name)-1]; '0' <= last && last <= '9' { // mmcblk0p1, vda1
			between = "p"
		}
		all = append(all, &disk{
			Disk: Disk{
				Name: fmt.Sprint(d.Name, between, i+1), Size: (last - first + 1) * d.Sector, Sector: d.Sector,
				Storage: partition{d.Storage, first * d.Sector},
			},
			minor: d.minor + int(i) + 1, of: d, number: int(i) + 1, from: first * d.Sector, label: label(e[labelAt : labelAt+labelLength]),
		})
	}
	return all
}

// label is a name of UTF-16 that ends with a zero.
func label(raw []byte) string {
	var units []uint16
	for ; len(raw) >= 2; raw = raw[2:] {
		u := binary.LittleEndian.Uint16(raw)
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}
