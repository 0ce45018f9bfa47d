package simboard

import "context"

// sf is the flash chip that holds the board's own kernel.
func sf(u *bootloader, _ context.Context, args []string) (int, error) {
	switch {
	case len(args) > 1 && args[1] == "probe":
		u.flash = true
		u.printf("SF: Detected n25q128a11 with page size 256 Bytes, erase size 4 KiB, total 16 MiB\n")
		return 0, nil
	case len(args) == 5 && args[1] == "read":
		addr, ok1 := hexAddress(args[2])
		from, ok2 := hexAddress(args[3])
		n, ok3 := hexAddress(args[4])
		if !u.flash {
			u.printf("No SPI flash selected. Please run `sf probe'\n")
			return 1, nil
		}
		if !ok1 || !ok2 || !ok3 || !within(from, n, flashSize) {
			return u.usage("sf")
		}
		if err := u.ram.write(addr, flashContent(from, n)); err != nil {
			return 1, nil
		}
		u.printf("device 0 offset %#x, size %#x\nSF: %d bytes @ %#x Read: OK\n", from, n, n, from)
		return 0, nil
	}
	return u.usage("sf")
}

const (
	flashSize   = 16 << 20
	flashKernel = 1 << 20
)

// flashContent is erased flash with a kernel's header in it.
func flashContent(from, n uint64) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = 0xff
	}
	if at := int64(flashKernel+imageOffset) - int64(from); at >= 0 && at < int64(n) {
		copy(p[at:], imageMagic)
	}
	return p
}
