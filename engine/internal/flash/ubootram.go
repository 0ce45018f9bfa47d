package flash

import (
	"context"
	"regexp"
	"slices"
	"strconv"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/ubootmedia"
)

// RAM is memory of a board that nothing else uses.
type RAM struct {
	Address uint64
	Size    int64 // bytes
}

// buffers are parts of a RAM of one size each. What is written never lies where a read goes.
type buffers struct {
	data   uint64 // what is written
	check  uint64 // where the medium is read to
	packed uint64 // what is unpacked to data
	size   int64  // bytes of each
}

const (
	maxBuffer = 32 * mib // larger ones save no time, and make progress coarse
	minBuffer = image.MaxRange
	bufferPad = 64 << 10 // before and after each buffer
)

// split divides the memory into buffers of at most limit bytes, which is a multiple of minBuffer.
func (r RAM) split(limit int64) (buffers, error) {
	start := (r.Address + bufferPad - 1) / bufferPad * bufferPad
	room := r.Size - int64(start-r.Address)
	size := min((room/3-bufferPad)/minBuffer*minBuffer, limit)
	if size < minBuffer {
		return buffers{}, classify.New(classify.UBootRAM, "the board has %d bytes of RAM for images at %#x, which is less than %d", r.Size, r.Address, 3*(minBuffer+bufferPad))
	}
	step := uint64(size + bufferPad)
	return buffers{data: start, check: start + step, packed: start + 2*step, size: size}, nil
}

// Check returns an error, of kind uboot.ram, if the memory is too small.
func (r RAM) Check() error {
	_, err := r.split(maxBuffer)
	return err
}

// findRAM returns memory that neither U-Boot nor its firmware uses.
func (d *UBootFlasher) findRAM(ctx context.Context) (RAM, error) {
	info, err := ubootmedia.RunSteady(ctx, d.Prompt, "bdinfo")
	if err != nil {
		return RAM{}, err
	}
	loads, err := d.Prompt.Exec(ctx, command("printenv loadaddr kernel_addr_r"))
	if err != nil {
		return RAM{}, err
	}
	ram := freeRAM(info, loads.Output)
	if ram.Size <= 0 {
		return RAM{}, classify.WithHint(classify.WithConsole(classify.New(classify.UBootRAM, "`bdinfo` does not show which RAM of the board is free"), info),
			"set uboot.ram = { address, size } in the policy to RAM that nothing else uses")
	}
	return ram, nil
}

var (
	// bank matches a bank of RAM. Source: U-Boot, cmd/bdinfo.c.
	bank = regexp.MustCompile(`-> start\s*= (0x[0-9a-f]+)\s+-> size\s*= (0x[0-9a-f]+)`)
	// memory matches the RAM of U-Boots that print no banks.
	memory = regexp.MustCompile(`memstart\s*= (0x[0-9a-f]+)\s+memsize\s*= (0x[0-9a-f]+)`)
	// reserved matches memory that U-Boot's commands must not overwrite.
	reserved = regexp.MustCompile(`reserved\[\w+\]\s+\[(0x[0-9a-f]+)-(0x[0-9a-f]+)\]`)
	// own matches addresses of U-Boot itself, which lies at the end of a bank: its stack is below its heap, which
	// is below its code.
	own = regexp.MustCompile(`(?m)^\s*(?:relocaddr|irq_sp|sp start|stack ptr|fdt_blob|new_fdt|malloc base|TLB addr)\s*= (0x[0-9a-f]+)`)
	// loadAddress matches where a board's own commands load files.
	loadAddress = regexp.MustCompile(`(?m)^(?:loadaddr|kernel_addr_r)=(?:0x)?([0-9a-f]+)`)
)

const (
	ownMargin = 16 * mib // below U-Boot's stack, which grows down
	lowMargin = 32 * mib // at the start of a bank, where firmware may lie
)

// span is a range of addresses.
type span struct{ from, to uint64 }

// freeRAM returns the largest memory that is not in use, from the output of bdinfo and of the variables with load
// addresses.
func freeRAM(info, loads string) RAM {
	var free []span
	for _, re := range []*regexp.Regexp{bank, memory} {
		for _, m := range re.FindAllStringSubmatch(info, -1) {
			if from, size := hexNumber(m[1]), hexNumber(m[2]); size > 0 && from+size > from {
				free = append(free, span{from, from + size})
			}
		}
	}
	for i := range free { // the first bytes are kept free of images: firmware, or what a board loads later
		free[i].from = min(free[i].from+lowMargin, free[i].to)
	}
	for _, m := range reserved.FindAllStringSubmatch(info, -1) {
		free = without(free, span{hexNumber(m[1]), hexNumber(m[2]) + 1})
	}
	owned := false
	for _, m := range own.FindAllStringSubmatch(info, -1) {
		at := hexNumber(m[1])
		for _, s := range free {
			if at >= s.from && at <= s.to { // to the end of the bank
				free = without(free, span{max(at, ownMargin) - ownMargin, s.to})
			}
		}
		owned = owned || at > 0
	}
	if !owned {
		return RAM{}
	}
	for _, m := range loadAddress.FindAllStringSubmatch(loads, -1) {
		at := hexNumber(m[1])
		for i, s := range free { // a board's own commands load to it, so that it is free from there on
			if at > s.from-lowMargin && at < s.from && s.from >= lowMargin {
				free[i].from = at
			}
		}
	}
	if low := without(free, span{1 << 32, 1 << 63}); len(low) > 0 { // controllers may reach no more
		free = low
	}
	if len(free) == 0 {
		return RAM{}
	}
	best := slices.MaxFunc(free, func(a, b span) int { return int(int64((a.to-a.from)>>1) - int64((b.to-b.from)>>1)) })
	return RAM{best.from, int64(best.to - best.from)}
}

// without returns spans without the addresses of another.
func without(spans []span, cut span) (left []span) {
	for _, s := range spans {
		if cut.from >= s.to || cut.to <= s.from {
			left = append(left, s)
			continue
		}
		if cut.from > s.from {
			left = append(left, span{s.from, cut.from})
		}
		if cut.to < s.to {
			left = append(left, span{cut.to, s.to})
		}
	}
	return left
}

// hexNumber reads a hexadecimal number, 0 if it is none.
func hexNumber(text string) uint64 {
	if len(text) > 2 && text[:2] == "0x" {
		text = text[2:]
	}
	n, _ := strconv.ParseUint(text, 16, 64)
	return n
}
