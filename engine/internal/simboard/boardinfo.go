package simboard

import (
	"context"
	"strconv"
	"strings"
)

// Bytes from the end of memory that U-Boot uses, as QEMU's arm64 board has them.
const (
	relocated  = 0x109000
	stackTop   = 0x1249260
	devicetree = 0x1249250
	reserved   = 0x224e000 // the stack may grow down to there
	lmbSecond  = 0x124d6d0
	tlbTable   = 0x10000
)

// ramSize is the size of the board's memory.
func (u *bootloader) ramSize() uint64 {
	if u.ram.size > 0 {
		return u.ram.size
	}
	return defaultRAM
}

// bdinfo prints what the board is. Source: the output of Debian's U-Boot 2023.01 in QEMU, arm64.
func bdinfo(u *bootloader, _ context.Context, _ []string) (int, error) {
	end := ramStart + u.ramSize()
	line := func(name string, value uint64) { u.printf("%-12s= 0x%016x\n", name, value) }
	line("boot_params", 0)
	line("DRAM bank", 0)
	line("-> start", ramStart)
	line("-> size", u.ramSize())
	line("flashstart", u.nor().base)
	line("flashsize", uint64(u.nor().size))
	line("flashoffset", 0)
	u.printf("baudrate    = %d bps\n", u.number("baudrate", usualBaud))
	line("relocaddr", end-relocated)
	line("reloc off", end-relocated)
	address := u.env["ipaddr"]
	if address == "" {
		address = "<NULL>"
	}
	u.printf("Build       = 64-bit\ncurrent eth = ethernet@0\nethaddr     = %s\nIP addr     = %s\n", u.env["ethaddr"], address)
	line("fdt_blob", end-devicetree)
	line("new_fdt", end-devicetree)
	line("fdt_size", 0x100000)
	u.printf("lmb_dump_all:\n memory.cnt  = 0x1\n memory[0]\t[0x%x-0x%x], 0x%08x bytes flags: 0\n reserved.cnt  = 0x2\n", uint64(ramStart), end-1, u.ramSize())
	u.printf(" reserved[0]\t[0x%x-0x%x], 0x%08x bytes flags: 0\n", end-reserved, end-1, reserved)
	u.printf(" reserved[1]\t[0x%x-0x%x], 0x%08x bytes flags: 0\n", end-lmbSecond, end-1, lmbSecond)
	u.printf("devicetree  = board\n")
	line("arch_number", 0)
	line("TLB addr", end-tlbTable)
	line("irq_sp", end-stackTop)
	line("sp start", end-stackTop)
	u.printf("Early malloc usage: 3a8 / 2000\n")
	return 0, nil
}

// blkcache is the cache of small reads. A simulated medium needs none: every read reads the medium.
func blkcache(u *bootloader, _ context.Context, args []string) (int, error) {
	switch {
	case len(args) == 2 && strings.HasPrefix(args[1], "show"):
		u.printf("hits: 0\nmisses: 0\nentries: 0\nmax blocks/entry: %d\nmax cache entries: %d\n", u.cacheBlocks, u.cacheEntries)
		return 0, nil
	case len(args) == 4 && strings.HasPrefix("configure", args[1]):
		blocks, err1 := strconv.ParseUint(args[2], 0, 32)
		entries, err2 := strconv.ParseUint(args[3], 0, 32)
		if err1 == nil && err2 == nil {
			u.cacheBlocks, u.cacheEntries = blocks, entries
			u.printf("changed to max of %d entries of %d blocks each\n", entries, blocks)
			return 0, nil
		}
	}
	return u.usage("blkcache")
}
