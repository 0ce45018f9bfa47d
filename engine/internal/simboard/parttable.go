package simboard

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf16"

	"github.com/flashlua/flashlua/engine/bounded"
)

// tableEntry is a partition as U-Boot sees it.
type tableEntry struct {
	number               int
	start, size          uint64 // blocks
	name, kind, id       string // of GPT: its label and its GUIDs; of MBR: id only
	attributes           uint64
	bootable, isExtended bool
	system               byte // of MBR
}

const (
	schemeGPT = "EFI"
	schemeDOS = "DOS"

	gptHeaderSize = 92
	gptEntrySize  = 128
	gptEntries    = 128
	dosTable      = 446
	dosSignature  = 440
	dosProtective = 0xee
)

// table reads a medium's partition table. The scheme is "" if there is none.
func table(r io.ReaderAt, size, block int64) (scheme string, all []tableEntry) {
	first := make([]byte, block)
	if _, err := r.ReadAt(first, 0); err != nil || first[510] != 0x55 || first[511] != 0xaa {
		return "", nil
	}
	for i := range 4 {
		if first[dosTable+16*i+4] == dosProtective {
			for _, at := range []int64{1, size/block - 1} {
				if all, ok := gpt(r, at, block); ok {
					return schemeGPT, all
				}
			}
			return "", nil
		}
	}
	return dos(first)
}

// gpt reads a GUID partition table by its header. Source: UEFI specification, 5.3.
func gpt(r io.ReaderAt, header, block int64) (all []tableEntry, ok bool) {
	le := binary.LittleEndian
	h := make([]byte, block)
	if _, err := r.ReadAt(h, header*block); err != nil || string(h[:8]) != "EFI PART" || le.Uint32(h[12:]) != gptHeaderSize {
		return nil, false
	}
	sum := le.Uint32(h[16:])
	clear(h[16:20])
	count, size := int64(le.Uint32(h[80:])), int64(le.Uint32(h[84:]))
	if crc32.ChecksumIEEE(h[:gptHeaderSize]) != sum || count > gptEntries || size < gptEntrySize || size > block || le.Uint64(h[24:]) != uint64(header) {
		return nil, false
	}
	at, fits := bounded.Mul(int64(le.Uint64(h[72:])), block)
	entries := make([]byte, count*size)
	if !fits {
		return nil, false
	}
	if _, err := r.ReadAt(entries, at); err != nil || crc32.ChecksumIEEE(entries) != le.Uint32(h[88:]) {
		return nil, false
	}
	for i := range count {
		e := entries[i*size:][:size]
		if isZero(e[:16]) {
			continue
		}
		first := le.Uint64(e[32:])
		all = append(all, tableEntry{
			number: int(i) + 1, start: first, size: le.Uint64(e[40:]) + 1 - first, name: utf16Text(e[56:gptEntrySize]),
			kind: guid(e), id: guid(e[16:]), attributes: le.Uint64(e[48:]),
		})
	}
	return all, true
}

// dos reads the primary partitions of an MBR.
func dos(first []byte) (string, []tableEntry) {
	le, used := binary.LittleEndian, 0
	var all []tableEntry
	for i := range 4 {
		e := first[dosTable+16*i:][:16]
		if e[0]&^0x80 != 0 {
			return "", nil
		}
		if e[4] == 0 {
			continue
		}
		used++
		all = append(all, tableEntry{
			number: i + 1, start: uint64(le.Uint32(e[8:])), size: uint64(le.Uint32(e[12:])), system: e[4], bootable: e[0] == 0x80,
			id: fmt.Sprintf("%08x-%02x", le.Uint32(first[dosSignature:]), i+1), isExtended: e[4] == 5 || e[4] == 0xf || e[4] == 0x85,
		})
	}
	if used == 0 && (bytes.HasPrefix(first[54:], []byte("FAT")) || bytes.HasPrefix(first[82:], []byte("FAT32"))) {
		return schemeDOS, nil
	}
	return schemeDOS, all
}

// guid prints a GUID as U-Boot does.
func guid(p []byte) string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(p), le.Uint16(p[4:]), le.Uint16(p[6:]), p[8:10], p[10:16])
}

// utf16Text is a text that ends with a zero.
func utf16Text(raw []byte) string {
	var units []uint16
	for ; len(raw) >= 2; raw = raw[2:] {
		unit := binary.LittleEndian.Uint16(raw)
		if unit == 0 {
			break
		}
		units = append(units, unit)
	}
	return string(utf16.Decode(units))
}
