package simboard

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// itemSize returns the bytes of an item of a command with a size suffix, such as mw.l; the default is 4. Source:
// U-Boot, cmd_get_data_size.
func itemSize(command string) int {
	_, suffix, _ := strings.Cut(command, ".")
	return map[string]int{"b": 1, "w": 2, "q": 8}[suffix] + 4*map[bool]int{true: 1}[suffix == "l" || suffix == ""]
}

// hexArgs reads the arguments of a command from the nth on. Like U-Boot, it takes what is no number for 0.
func hexArgs(args []string, from int) (all [5]uint64) {
	for i := range all {
		if from+i < len(args) {
			all[i], _ = hexAddress(args[from+i])
		}
	}
	return all
}

// abort is what an access to missing memory does: an exception, and a reset.
func (u *bootloader) abort(err error) (int, error) {
	if errors.Is(err, errNoMemory) || errors.Is(err, errMemoryFull) {
		u.printf("\"Synchronous Abort\" handler, esr 0x96000046\nelr: 0000000000056278 lr : 0000000000001a48 (reloc)\n\nResetting CPU ...\n\nresetting ...\n")
		return 1, errReset
	}
	return 1, err
}

// mw is "mw[.b|.w|.l|.q] ADDR VALUE [COUNT]".
func mw(u *bootloader, _ context.Context, args []string) (int, error) {
	if len(args) < 3 || len(args) > 4 {
		return u.usage("mw")
	}
	size := itemSize(args[0])
	if size == 0 {
		return 1, nil
	}
	a := hexArgs(args, 1)
	count := uint64(1)
	if len(args) == 4 {
		count = a[2]
	}
	pattern := binary.LittleEndian.AppendUint64(nil, a[1])[:size]
	if count > maxPages*pageSize {
		return u.abort(errNoMemory)
	}
	if err := u.ram.fill(a[0], count*uint64(size), pattern); err != nil {
		return u.abort(err)
	}
	return 0, nil
}

// cp is "cp[.b|.w|.l|.q] SOURCE TARGET COUNT".
func cp(u *bootloader, ctx context.Context, args []string) (int, error) {
	if len(args) != 4 {
		return u.usage("cp")
	}
	a, size := hexArgs(args, 1), uint64(itemSize(args[0]))
	if size == 0 {
		return 1, nil
	}
	if a[2] == 0 {
		u.printf("Zero length ???\n")
		return 1, nil
	}
	if a[2] > maxPages*pageSize {
		return u.abort(errNoMemory)
	}
	if n := a[2] * size; u.nor().holds(a[1]) {
		return u.copyToFlash(ctx, a[0], a[1], n)
	} else if u.nor().holds(a[0]) {
		return u.abortIf(u.ram.write(a[1], u.memory(a[0], n)))
	} else {
		return u.abortIf(u.ram.copy(a[0], a[1], n))
	}
}

// abortIf returns 0, or aborts after an error.
func (u *bootloader) abortIf(err error) (int, error) {
	if err != nil {
		return u.abort(err)
	}
	return 0, nil
}

// memory returns the content of RAM, or of the flash that is mapped.
func (u *bootloader) memory(addr, n uint64) []byte {
	if nor := u.nor(); nor.holds(addr) {
		return nor.read(int64(addr-nor.base), int64(n))
	}
	return u.ram.read(addr, int(n))
}

// readable reports whether memory can be read.
func (u *bootloader) readable(addr, n uint64) bool {
	return u.nor().holds(addr) || u.ram.has(addr, n)
}

func item(p []byte, size int) uint64 {
	var all [8]byte
	copy(all[:], p[:size])
	return binary.LittleEndian.Uint64(all[:])
}

// cmp is "cmp[.b|.w|.l|.q] ADDR1 ADDR2 COUNT".
func cmp(u *bootloader, _ context.Context, args []string) (int, error) {
	if len(args) != 4 {
		return u.usage("cmp")
	}
	a, size := hexArgs(args, 1), itemSize(args[0])
	if size == 0 {
		return 1, nil
	}
	name := map[int]string{1: "byte", 2: "halfword", 4: "word", 8: "double word"}[size]
	status, same := 0, uint64(0)
	if a[2] > maxPages*pageSize || !u.readable(a[0], a[2]*uint64(size)) || !u.readable(a[1], a[2]*uint64(size)) {
		return u.abort(errNoMemory)
	}
	const chunk = pageSize / 8
	for same < a[2] && status == 0 {
		n, off := min(a[2]-same, chunk), same*uint64(size)
		x, y := u.memory(a[0]+off, n*uint64(size)), u.memory(a[1]+off, n*uint64(size))
		for i := 0; i < len(x); i += size {
			if v, w := item(x[i:], size), item(y[i:], size); v != w {
				at := off + uint64(i)
				u.printf("%s at 0x%08x (%s) != %s at 0x%08x (%s)\n", name, a[0]+at, hexOf(v, size), name, a[1]+at, hexOf(w, size))
				status = 1
				break
			}
			same++
		}
	}
	u.printf("Total of %d %s(s) were the same\n", same, name)
	return status, nil
}

// hexOf prints as U-Boot's %#0*x with a width of size.
func hexOf(v uint64, size int) string {
	return fmt.Sprintf("0x%0*x", max(size-2, 0), v)
}

const lineItems = 16 // bytes in a line of md

// md is "md[.b|.w|.l|.q] ADDR [COUNT]".
func md(u *bootloader, _ context.Context, args []string) (int, error) {
	if len(args) < 2 {
		return u.usage("md")
	}
	a, size := hexArgs(args, 1), itemSize(args[0])
	if size == 0 {
		return 1, nil
	}
	count := uint64(0x40)
	if len(args) > 2 {
		count = min(a[1], 1<<20)
	}
	if !u.readable(a[0], count*uint64(size)) {
		return u.abort(errNoMemory)
	}
	for addr, left := a[0], int(count)*size; left > 0; addr, left = addr+lineItems, left-lineItems {
		p := u.memory(addr, uint64(min(left, lineItems)))
		u.printf("%08x:", addr)
		for i := 0; i < lineItems; i += size {
			if i < len(p) {
				u.printf(" %0*x", 2*size, item(p[i:], size))
			} else {
				u.printf(" %*s", 2*size, "")
			}
		}
		text := []byte(nil)
		for _, c := range p {
			if c < ' ' || c > '~' {
				c = '.'
			}
			text = append(text, c)
		}
		u.printf("  %s\n", text)
	}
	return 0, nil
}
