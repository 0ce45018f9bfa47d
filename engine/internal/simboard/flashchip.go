package simboard

import (
	"bytes"
	"context"
	"strings"
)

const (
	spiSize     = 16 << 20
	spiErase    = 4 << 10
	flashKernel = 1 << 20
)

// sf works on the SPI flash chip, which holds the board's own kernel.
func sf(u *bootloader, _ context.Context, args []string) (int, error) {
	switch {
	case len(args) < 2:
		return u.usage("sf")
	case args[1] == "probe":
		return u.sfProbe(args[2:])
	case !u.flash:
		u.printf("No SPI flash selected. Please run `sf probe'\n")
		return 1, nil
	case args[1] == "erase" && len(args) == 4:
		return u.sfErase(args)
	case len(args) == 5 && (args[1] == "read" || args[1] == "write" || args[1] == "update"):
		return u.sfTransfer(args[1], args[2:])
	}
	return u.usage("sf")
}

// sfProbe is "sf probe [[BUS:]CS]": there is a chip at 0:0 only.
func (u *bootloader) sfProbe(args []string) (int, error) {
	bus, cs := "0", "0"
	if len(args) > 0 {
		before, after, both := strings.Cut(args[0], ":")
		if cs = before; both {
			bus, cs = before, after
		}
	}
	if u.flash = number(bus, 10) == 0 && number(cs, 10) == 0; !u.flash {
		u.printf("Invalid bus %s (err=-19)\nFailed to initialize SPI flash at %s:%s (error -19)\n", bus, bus, cs)
		return 1, nil
	}
	u.printf("SF: Detected n25q128a11 with page size 256 Bytes, erase size 4 KiB, total 16 MiB\n")
	return 0, nil
}

// sfErase is "sf erase OFFSET [+]LENGTH".
func (u *bootloader) sfErase(args []string) (int, error) {
	c := u.b.spi
	off, ok1 := hexAddress(args[2])
	text, up := strings.CutPrefix(args[3], "+")
	n, ok2 := hexAddress(text)
	if !ok1 || !ok2 {
		return u.usage("sf")
	}
	if up {
		n = (n + spiErase - 1) / spiErase * spiErase
	}
	if !within(off, n, uint64(c.size)) {
		u.printf("ERROR: attempting erase past flash size (%#x)\n", c.size)
		return 1, nil
	}
	if off%spiErase != 0 || n%spiErase != 0 {
		u.printf("SF: Erase offset/length not multiple of erase size\nSF: %d bytes @ %#x Erased: ERROR -22\n", n, off)
		return 1, nil
	}
	if u.b.cfg.Protected {
		u.printf("ERROR: flash area is locked\n")
		return 1, nil
	}
	if err := c.eraseRange(int64(off), int64(n)); err != nil {
		return 1, err
	}
	u.printf("SF: %d bytes @ %#x Erased: OK\n", n, off)
	return 0, nil
}

// sfTransfer is "sf read|write|update ADDR OFFSET LENGTH".
func (u *bootloader) sfTransfer(verb string, args []string) (int, error) {
	addr, ok1 := hexAddress(args[0])
	off, ok2 := hexAddress(args[1])
	n, ok3 := hexAddress(args[2])
	if !ok1 || !ok2 || !ok3 {
		return u.usage("sf")
	}
	c := u.b.spi
	if off >= uint64(c.size) {
		u.printf("Offset exceeds device limit\n")
		return u.usage("sf")
	}
	if n > uint64(c.size)-off {
		u.printf("ERROR: attempting %s past flash size (%#x)\n", verb, c.size)
		return 1, nil
	}
	if off == 0 && n == uint64(c.size) {
		u.printf("device 0 whole chip\n")
	} else {
		u.printf("device 0 offset %#x, size %#x\n", off, n)
	}
	if verb != "read" && u.b.cfg.Protected {
		u.printf("ERROR: flash area is locked\n")
		return 1, nil
	}
	if !u.ram.has(addr, n) {
		return u.abort(errNoMemory)
	}
	switch verb {
	case "read":
		if !u.b.faults.trigger(FaultNoRead) {
			if err := u.ram.write(addr, c.read(int64(off), int64(n))); err != nil {
				return u.abort(err)
			}
		}
		u.printf("SF: %d bytes @ %#x Read: OK\n", n, off)
	case "write":
		if err := c.program(int64(off), u.ram.read(addr, int(n))); err != nil {
			return 1, err
		}
		u.printf("SF: %d bytes @ %#x Written: OK\n", n, off)
	default:
		return u.sfUpdate(c, addr, int64(off), int64(n))
	}
	return 0, nil
}

// sfUpdate erases and writes the blocks that differ.
func (u *bootloader) sfUpdate(c *chip, addr uint64, off, total int64) (int, error) {
	written := int64(0)
	for left := total; left > 0; {
		n := min(left, c.erase-off%c.erase)
		start := off / c.erase * c.erase
		data, block := u.ram.read(addr, int(n)), c.read(start, c.erase)
		if at := block[off-start:][:n]; !bytes.Equal(at, data) {
			copy(at, data)
			if err := c.eraseRange(start, c.erase); err != nil {
				return 1, err
			}
			if err := c.program(start, block); err != nil {
				return 1, err
			}
			written += n
		}
		addr, off, left = addr+uint64(n), off+n, left-n
	}
	u.printf("\r%d bytes written, %d bytes skipped in 0.1s, speed %d B/s\n", written, total-written, total*1024)
	return 0, nil
}

// spiContent is an erased chip with a kernel's header in it.
func spiContent(from, n uint64) []byte {
	p := erased(from, n)
	if at := int64(flashKernel+imageOffset) - int64(from); at >= 0 && at < int64(n) {
		copy(p[at:], imageMagic)
	}
	return p
}
