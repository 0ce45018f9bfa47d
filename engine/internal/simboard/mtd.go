package simboard

import (
	"bytes"
	"context"
	"slices"
	"strings"
)

// mtdDevice is a flash chip as the command mtd sees it.
type mtdDevice struct {
	*chip
	name string
	page int64 // bytes, 1 if the chip has none
}

// mtdDevices returns the chips of the board. U-Boot numbers those of a kind: the parallel NOR flash comes first.
func (u *bootloader) mtdDevices() (all []mtdDevice) {
	spi := "nor0"
	if u.b.nor.size > 0 {
		all = append(all, mtdDevice{u.b.nor, "nor0", 1})
		spi = "nor1"
	}
	return append(all, mtdDevice{u.b.spi, spi, 1}, mtdDevice{u.b.nand, "nand0", nandPage})
}

// mtd is "mtd list", "mtd bad NAME", "mtd erase NAME [OFFSET [SIZE]]" and "mtd read|write|dump NAME …".
func mtd(u *bootloader, _ context.Context, args []string) (int, error) {
	if len(args) == 2 && args[1] == "list" {
		u.mtdList()
		return 0, nil
	}
	if len(args) < 3 {
		return u.usage("mtd")
	}
	all := u.mtdDevices()
	i := slices.IndexFunc(all, func(d mtdDevice) bool { return d.name == args[2] })
	verb, options, _ := strings.Cut(args[1], ".")
	if !slices.Contains([]string{"read", "write", "erase", "bad"}, verb) {
		return u.usage("mtd")
	}
	if i < 0 {
		u.printf("MTD device %s not found, ret -19\n", args[2])
		return 1, nil
	}
	switch d := all[i]; verb {
	case "bad":
		return u.mtdBad(d)
	case "erase":
		return u.mtdErase(d, args[3:])
	default:
		if len(args) < 4 {
			return u.usage("mtd")
		}
		return u.mtdTransfer(d, verb, strings.Contains(options, "dontskipff"), args[3:])
	}
}

func (u *bootloader) mtdList() {
	u.printf("List of MTD devices:\n")
	for _, d := range u.mtdDevices() {
		kind := map[bool]string{true: "NOR flash", false: "NAND flash"}[d.page == 1]
		u.printf("* %s\n  - device: flash@0\n  - parent: root_driver\n  - driver: cfi_flash\n  - path: /flash@0\n  - type: %s\n", d.name, kind)
		u.printf("  - block size: 0x%x bytes\n  - min I/O: 0x%x bytes\n", d.erase, d.page)
		if d.page > 1 {
			u.printf("  - OOB size: 64 bytes\n  - OOB available: 40 bytes\n  - ECC strength: 8 bits\n  - ECC step size: 512 bytes\n  - bitflip threshold: 6 bits\n")
		}
		u.printf("  - 0x000000000000-0x%012x : \"%s\"\n", d.size, d.name)
	}
}

func (u *bootloader) mtdBad(d mtdDevice) (int, error) {
	if d.page == 1 {
		u.printf("Only NAND-based devices can have bad blocks\n")
		return 0, nil
	}
	u.printf("MTD device %s bad blocks list:\n", d.name)
	for off := int64(0); off < d.size; off += d.erase {
		if d.isBad(off) {
			u.printf("\t0x%08x\n", off)
		}
	}
	return 0, nil
}

// span reads OFFSET and SIZE, which are the whole chip if they are not there.
func (d mtdDevice) span(args []string) (off, n int64) {
	a := hexArgs(args, 0)
	off, n = int64(a[0]), d.size
	if len(args) > 1 {
		n = int64(a[1])
	}
	return off, n
}

func (u *bootloader) mtdErase(d mtdDevice, args []string) (int, error) {
	off, n := d.span(args)
	switch {
	case off%d.erase != 0:
		u.printf("Offset not aligned with a block (0x%x)\n", d.erase)
		return 1, nil
	case n%d.erase != 0:
		u.printf("Size not a multiple of a block (0x%x)\n", d.erase)
		return 1, nil
	}
	u.printf("Erasing 0x%08x ... 0x%08x (%d eraseblock(s))\n", off, off+n-1, n/d.erase)
	if off < 0 || !within(uint64(off), uint64(n), uint64(d.size)) || u.b.cfg.Protected {
		return 1, nil
	}
	for ; n > 0; off, n = off+d.erase, n-d.erase {
		if d.isBad(off) {
			u.printf("Skipping bad block at 0x%08x\n", off)
			continue
		}
		if err := d.eraseRange(off, d.erase); err != nil {
			return 1, err
		}
	}
	return 0, nil
}

// mtdTransfer is "mtd read|write NAME ADDR [OFFSET [SIZE]]". Bad blocks are skipped, and what follows moves on.
func (u *bootloader) mtdTransfer(d mtdDevice, verb string, all bool, args []string) (int, error) {
	addr, _ := hexAddress(args[0])
	off, n := d.span(args[1:])
	if off%d.page != 0 {
		u.printf("Offset not aligned with a page (0x%x)\n", d.page)
		return 1, nil
	}
	if n%d.page != 0 {
		n = (n + d.page - 1) / d.page * d.page
		u.printf("Size not on a page boundary (0x%x), rounding to 0x%x\n", d.page, n)
	}
	doing := map[string]string{"read": "Reading", "write": "Writing"}[verb]
	if d.page > 1 {
		u.printf("%s %d byte(s) (%d page(s)) at offset 0x%08x%s\n", doing, n, n/d.page, off, map[bool]string{true: " [dontskipff]"}[all && verb == "write"])
	} else {
		u.printf("%s %d byte(s) at offset 0x%08x\n", doing, n, off)
	}
	end, err := u.skipBad(d.chip, addr, off, n, verb == "write", d.page > 1 && !all)
	if err != nil {
		return u.abort(err)
	}
	if end < 0 {
		u.printf("Failure while %s at offset 0x%x\n%s on %s failed with error %d\n", strings.ToLower(doing), -end, map[string]string{"read": "Read", "write": "Write"}[verb], d.name, errnoIO)
		return 1, nil
	}
	return 0, nil
}

// skipBad copies between a chip and memory, block by block, without the bad ones. It returns where it ended, or minus
// the offset at which it failed. With skipEmpty, it does not write pages of 0xff.
func (u *bootloader) skipBad(c *chip, addr uint64, off, n int64, write, skipEmpty bool) (int64, error) {
	if !u.ram.has(addr, uint64(max(n, 0))) {
		return 0, errNoMemory
	}
	if !write && u.b.faults.trigger(FaultNoRead) {
		return off + n, nil
	}
	for n > 0 {
		if off < 0 || off >= c.size || write && u.b.cfg.Protected {
			return -max(off, 1), nil
		}
		part := min(n, c.erase-off%c.erase)
		if c.isBad(off) {
			off += c.erase - off%c.erase
			continue
		}
		err := error(nil)
		switch data := []byte(nil); {
		case !write:
			err = u.ram.write(addr, c.read(off, part))
		default:
			if data = u.ram.read(addr, int(part)); !skipEmpty || !bytes.Equal(data, erased(0, uint64(part))) {
				err = c.program(off, data)
			}
		}
		if err != nil {
			return 0, err
		}
		addr, off, n = addr+uint64(part), off+part, n-part
	}
	return off, nil
}
