package simboard

import (
	"context"
	"fmt"
	"strings"
)

// nand works on the NAND chip: "nand info", "nand bad", "nand erase[.part|.chip] OFFSET SIZE", "nand read|write ADDR
// OFFSET SIZE". Source: U-Boot, cmd/nand.c.
func nand(u *bootloader, _ context.Context, args []string) (int, error) {
	c := u.b.nand
	if len(args) < 2 {
		return u.usage("nand")
	}
	verb, option, _ := strings.Cut(args[1], ".")
	switch verb {
	case "info":
		u.printf("\nDevice 0: nand0, sector size %d KiB\n  Page size       %6d b\n  OOB size            64 b\n  Erase size      %d b\n", c.erase>>10, nandPage, c.erase)
		u.printf("  ecc strength         8 bits\n  ecc step size      512 b\n  subpagesize       %d b\n  options     0x00004200\n  bbt options 0x00008000\n", nandPage)
		return 0, nil
	case "device":
		if len(args) > 2 && number(args[2], 10) != 0 {
			u.printf("Could not get device #%s\n", args[2])
			return 1, nil
		}
		u.printf("Device 0: nand0... is now current device\n")
		return 0, nil
	case "bad":
		u.printf("\nDevice 0 bad blocks:\n")
		for off := int64(0); off < c.size; off += c.erase {
			if c.isBad(off) {
				u.printf("  0x%08x\n", off)
			}
		}
		return 0, nil
	case "erase":
		return u.nandErase(option, args[2:])
	case "read", "write":
		if len(args) == 5 {
			return u.nandTransfer(verb, option, args[2:])
		}
	}
	return u.usage("nand")
}

// nandSpan reads an offset and a size, and prints what is wrong.
func (u *bootloader) nandSpan(off, size string) (int64, int64, bool) {
	from, ok1 := hexAddress(off)
	n, ok2 := hexAddress(size)
	switch limit := uint64(u.b.nand.size); {
	case !ok1 || !ok2:
		u.usage("nand")
	case from >= limit:
		u.printf("Offset exceeds device limit\n")
	case n > limit-from:
		u.printf("Size exceeds partition or device limit\n")
	default:
		return int64(from), int64(n), true
	}
	return 0, 0, false
}

// nandErase erases good blocks. The option spread has as many of them as the size says; otherwise the range has its
// bad ones.
func (u *bootloader) nandErase(option string, args []string) (int, error) {
	c := u.b.nand
	off, n, ok := int64(0), c.size, true
	if option != "chip" && len(args) == 2 {
		off, n, ok = u.nandSpan(args[0], args[1])
	} else if option != "chip" {
		return u.usage("nand")
	}
	if !ok {
		return 1, nil
	}
	u.printf("\nNAND erase%s: device 0 %s\n", map[string]string{"": "", "chip": ".chip", "spread": ".spread", "part": ".part"}[option], u.nandRange(off, n))
	if off%c.erase != 0 {
		u.printf("Attempt to erase non block-aligned data\n")
		return 1, nil
	}
	if u.b.cfg.Protected {
		u.printf("nand0: MTD Erase failure: -30\n")
		return 1, nil
	}
	n = (n + c.erase - 1) / c.erase * c.erase
	last := int64(0)
	for total := n; n > 0 && off < c.size; off += c.erase {
		if c.isBad(off) {
			u.printf("\rSkipping bad block at  0x%08x                                          \n", off)
			if option != "spread" {
				n -= c.erase
			}
			continue
		}
		if err := c.eraseRange(off, c.erase); err != nil {
			return 1, err
		}
		n -= c.erase
		if percent := (total - n) * 100 / total; percent != last {
			last = percent
			u.printf("\rErasing at 0x%x -- %3d%% complete.", off, percent)
		}
	}
	u.printf("\nOK\n")
	return 0, nil
}

func (u *bootloader) nandRange(off, n int64) string {
	if off == 0 && n == u.b.nand.size {
		return "whole chip"
	}
	return fmt.Sprintf("offset 0x%x, size 0x%x", off, n)
}

// nandTransfer is "nand read|write ADDR OFFSET SIZE".
func (u *bootloader) nandTransfer(verb, option string, args []string) (int, error) {
	addr, _ := hexAddress(args[0])
	off, n, ok := u.nandSpan(args[1], args[2])
	if !ok {
		return 1, nil
	}
	u.printf("\nNAND %s: device 0 %s\n", verb, u.nandRange(off, n))
	if verb == "write" && off%nandPage != 0 {
		u.printf("Attempt to write non page-aligned data\n 0 bytes written: ERROR\n")
		return 1, nil
	}
	size := n
	if verb == "write" {
		size = (n + nandPage - 1) / nandPage * nandPage
	}
	end, err := u.skipBad(u.b.nand, addr, off, size, verb == "write", option == "trimffs")
	if err != nil {
		return u.abort(err)
	}
	done := map[string]string{"read": "read", "write": "written"}[verb]
	if end < 0 {
		u.printf("Attempt to %s outside the flash area\n 0 bytes %s: ERROR\n", verb, done)
		return 1, nil
	}
	u.printf(" %d bytes %s: OK\n", n, done)
	return 0, nil
}
