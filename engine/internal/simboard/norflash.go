package simboard

import (
	"context"
	"strings"
)

const (
	norSize  = 32 << 20
	norErase = 128 << 10
)

// norFlash is a parallel NOR flash that is mapped into memory.
type norFlash struct {
	*chip
	base   uint64
	locked map[int64]bool // by sector
}

// nor returns the parallel NOR flash. One of size 0 holds no address.
func (u *bootloader) nor() *norFlash { return u.norFlash }

// holds reports whether an address is in the flash.
func (n *norFlash) holds(addr uint64) bool {
	return n.size > 0 && addr >= n.base && addr-n.base < uint64(n.size)
}

// copyToFlash is cp whose target is the flash.
func (u *bootloader) copyToFlash(_ context.Context, from, to, n uint64) (int, error) {
	nor := u.nor()
	u.printf("Copy to Flash... ")
	off := int64(to - nor.base)
	if !within(uint64(off), n, uint64(nor.size)) {
		u.printf("Outside available Flash\n")
		return 1, nil
	}
	if !u.ram.has(from, n) {
		return u.abort(errNoMemory)
	}
	for at := off / norErase; at*norErase < off+int64(n); at++ {
		if nor.locked[at] || u.b.cfg.Protected {
			u.printf("Can't write to protected Flash sectors\n")
			return 1, nil
		}
	}
	data, old := u.ram.read(from, int(n)), nor.read(off, int64(n))
	for i := range data {
		if old[i]&data[i] != data[i] {
			u.printf("Flash not Erased\n")
			return 1, nil
		}
	}
	if err := nor.program(off, data); err != nil {
		return 1, err
	}
	u.printf("done\n")
	return 0, nil
}

// sectors reads a range of sectors: START END, START +LENGTH, N:FIRST-LAST, bank N or all. It prints what is wrong.
func (u *bootloader) sectors(name string, args []string) (first, last int64, ok bool) {
	nor := u.nor()
	count := nor.size / norErase
	if nor.size == 0 || len(args) == 0 || len(args) > 2 {
		u.usage(name)
		return 0, 0, false
	}
	if args[0] == "all" {
		return 0, count - 1, true
	}
	if args[0] == "bank" && len(args) == 2 {
		if number(args[1], 10) != 1 {
			u.printf("Only FLASH Banks # 1 ... # 1 supported\n")
		}
		return 0, count - 1, number(args[1], 10) == 1
	}
	if bank, sectors, given := strings.Cut(args[0], ":"); given && len(args) == 1 {
		from, to, both := strings.Cut(sectors, "-")
		if !both {
			to = from
		}
		first, last = int64(number(from, 10)), int64(number(to, 10))
		if bank != "1" || first > last || last >= count {
			u.printf("Bad sector specification\n")
			return 0, 0, false
		}
		return first, last, true
	}
	if len(args) != 2 {
		u.usage(name)
		return 0, 0, false
	}
	return u.addresses(name, args)
}

// addresses reads START END, or START +LENGTH, which is rounded up.
func (u *bootloader) addresses(name string, args []string) (first, last int64, ok bool) {
	nor := u.nor()
	start, ok1 := hexAddress(args[0])
	text, length := strings.CutPrefix(args[1], "+")
	end, ok2 := hexAddress(text)
	if length {
		end = start + (end+norErase-1)/norErase*norErase - 1
	}
	switch {
	case !ok1 || !ok2:
		u.usage(name)
	case !nor.holds(start):
		u.printf("Bad address format\n")
	case (start-nor.base)%norErase != 0:
		u.printf("Error: start address not on sector boundary\n")
	case (end+1-nor.base)%norErase != 0:
		u.printf("Error: end address not on sector boundary\n")
	case end < start || !nor.holds(end):
		u.printf("Error: end address (0x%x) not in flash!\nBad address format\n", end)
	default:
		return int64(start-nor.base) / norErase, int64(end-nor.base) / norErase, true
	}
	return 0, 0, false
}

// eraseCmd is "erase RANGE".
func eraseCmd(u *bootloader, _ context.Context, args []string) (int, error) {
	first, last, ok := u.sectors("erase", args[1:])
	if !ok {
		return 1, nil
	}
	nor, locked := u.nor(), 0
	for at := first; at <= last; at++ {
		if nor.locked[at] || u.b.cfg.Protected {
			locked++
		}
	}
	if locked > 0 {
		u.printf("- Warning: %d protected sectors will not be erased!\n", locked)
	} else {
		u.printf("\n")
	}
	for at := first; at <= last; at++ {
		if nor.locked[at] || u.b.cfg.Protected {
			continue
		}
		if err := nor.eraseRange(at*norErase, norErase); err != nil {
			return 1, err
		}
		u.printf(".")
	}
	u.printf(" done\n")
	if args[1] != "all" && args[1] != "bank" && !strings.Contains(args[1], ":") {
		u.printf("Erased %d sectors\n", last-first+1)
	}
	return 0, nil
}

// protect is "protect on|off RANGE".
func protect(u *bootloader, _ context.Context, args []string) (int, error) {
	if len(args) < 3 || args[1] != "on" && args[1] != "off" {
		return u.usage("protect")
	}
	first, last, ok := u.sectors("protect", args[2:])
	if !ok {
		return 1, nil
	}
	for at := first; at <= last; at++ {
		u.nor().locked[at] = args[1] == "on"
	}
	verb := map[string]string{"on": "Protect", "off": "Un-Protect"}[args[1]]
	switch {
	case args[2] == "all", args[2] == "bank":
		u.printf("%s Flash Bank # 1\n", verb)
	case strings.Contains(args[2], ":"):
		u.printf("%s Flash Sectors %d-%d in Bank # 1\n", verb, first, last)
	default:
		u.printf("%sed %d sectors\n", verb, last-first+1)
	}
	return 0, nil
}

// flinfo prints the flash's sectors.
func flinfo(u *bootloader, _ context.Context, _ []string) (int, error) {
	nor := u.nor()
	if nor.size == 0 {
		return 0, nil
	}
	u.printf("\nBank # 1: CFI conformant flash (16 x 16)  Size: %d MB in %d Sectors\n", nor.size>>20, nor.size/norErase)
	u.printf("  Intel Extended command set, Manufacturer ID: 0x89, Device ID: 0x0018\n  Erase timeout: 16384 ms, write timeout: 3 ms\n")
	u.printf("  Buffer write timeout: 3 ms, buffer size: 2048 bytes\n\n  Sector Start Addresses:")
	for at := range nor.size / norErase {
		if at%5 == 0 {
			u.printf("\n")
		}
		u.printf("  %08X   %s ", nor.base+uint64(at*norErase), map[bool]string{true: "RO", false: "  "}[nor.locked[at]])
	}
	u.printf("\n")
	return 0, nil
}
