package ubootmedia

import (
	"regexp"
	"strings"
)

// mtdDevice is a device, or a partition of one, in the output of mtd list.
type mtdDevice struct {
	device string // its name, or that of the device that it is a partition of
	kind   string // NOR flash, NAND flash
	first  int64  // byte offset in the device
	size   int64
	block  int64 // bytes of an erase block
	io     int64 // bytes of the smallest read or write
}

// isNAND reports whether a device can have bad blocks.
func (d mtdDevice) isNAND() bool { return strings.HasSuffix(d.kind, "NAND flash") }

// mtdField matches a fact of a device, and mtdRange the device itself or a partition. Source: U-Boot, mtd_show_device
// in cmd/mtd.c.
var (
	mtdField = regexp.MustCompile(`(?m)^  - (type|block size|min I/O): (.*)$`)
	mtdRange = regexp.MustCompile(`(?m)^\s+- 0x([0-9a-f]+)-0x([0-9a-f]+) : "(.*)"$`)
)

// parseMTDList returns what mtd list prints, by name.
func parseMTDList(text string) map[string]mtdDevice {
	all := map[string]mtdDevice{}
	for _, text := range strings.Split("\n"+strings.ReplaceAll(text, "\r", ""), "\n* ")[1:] {
		name, _, _ := strings.Cut(text, "\n")
		d := mtdDevice{device: name}
		for _, m := range mtdField.FindAllStringSubmatch(text, -1) {
			number, _, _ := strings.Cut(m[2], " ")
			switch m[1] {
			case "type":
				d.kind = m[2]
			case "block size":
				d.block, _ = parseHex(number)
			default:
				d.io, _ = parseHex(number)
			}
		}
		for _, m := range mtdRange.FindAllStringSubmatch(text, -1) {
			end, _ := parseHex(m[2])
			d.first, _ = parseHex(m[1])
			d.size = end - d.first
			all[m[3]] = d
		}
	}
	return all
}
