package ubootmedia

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// parallelNOR is a NOR chip in the board's address space. It implements Medium.
type parallelNOR struct {
	chip
	address int64
	erase   int64 // bytes of an erase block, as the policy says; 0: as U-Boot says
	bank    norBank
	unit    int64
	first   int64 // address of the medium
	proven  bool  // an erase has shown that the erase blocks are as large as U-Boot says
}

func openNOR(p Prompt, m []string, o Options) (Medium, error) {
	n := &parallelNOR{chip: chip{p, o, m[0]}}
	var ok, fits bool
	n.address, ok = parseHex(m[1])
	n.erase, fits = parseHex("0" + strings.TrimPrefix(m[2], "0x"))
	if !ok || !fits {
		return nil, classify.New(classify.ConfigPolicy, "%s: the address or the size does not fit", m[0])
	}
	return n, checkOptions(m[0], o, false)
}

// Select implements Medium.
func (n *parallelNOR) Select(ctx context.Context, _ uint64) (Geometry, error) {
	banks, res, err := norBanks(ctx, n)
	if err != nil {
		return Geometry{}, err
	}
	if IsUnknownCommand(res) {
		return Geometry{}, NoCommand("flinfo")
	}
	n.bank = nil
	for _, b := range banks {
		if b != nil && b.first() <= n.address && n.address < b.end() {
			n.bank = b
		}
	}
	if n.bank == nil {
		return Geometry{}, classify.WithHint(n.failed(classify.TargetMissing, res, "U-Boot has no NOR chip there"),
			"compare the address with the output of `flinfo` at U-Boot's prompt")
	}
	base := n.bank.first()
	n.unit = max(n.erase, n.bank.largest())
	c := n.chip
	c.Offset += n.address - base
	g, err := c.geometry(fmt.Sprintf("nor %x", base), n.bank.end()-base, 1, n.unit, 0)
	n.first = base + g.First
	return g, err
}

// Read implements Medium.
func (n *parallelNOR) Read(ctx context.Context, ram uint64, off, size int64) error {
	res, err := n.run(ctx, fmt.Sprintf("cp.b %x %x %x", n.first+off, ram, size))
	if err == nil && res.Code != 0 {
		err = n.failed(classify.VerifyRead, res, "U-Boot cannot read %d bytes at %x", size, n.first+off)
	}
	return err
}

// protected matches the erase blocks that an erase left out. U-Boot exits 0 after it. Source: flash_erase in
// drivers/mtd/cfi_flash.c.
var protected = regexp.MustCompile(`\d+ protected sectors will not be erased`)

// Write implements Medium. Erase blocks that are write protected are protected again after it.
func (n *parallelNOR) Write(ctx context.Context, ram uint64, off, size int64) (err error) {
	at := n.first + off
	if n.bank.locked(at, at+size) != nil {
		if err := n.protect(ctx, "off", at, at+size); err != nil {
			return err
		}
		defer func() {
			if err == nil {
				err = n.protectAgain(ctx, at, at+size)
			}
		}()
	}
	if err := n.eraseRange(ctx, at, at+size); err != nil {
		return err
	}
	res, err := n.run(ctx, fmt.Sprintf("cp.b %x %x %x", ram, at, size))
	if err == nil && (res.Code != 0 || !strings.Contains(res.Output, "done")) {
		err = n.failed(classify.WriteFailed, res, "U-Boot cannot write %d bytes at %x", size, at)
	}
	return err
}

// eraseRange erases a range. U-Boot takes two chips side by side for one if it is built for another width of the bus,
// and then erases blocks that are twice as large as it says. To find that out without a loss, the first erase is one
// of a block that would be the first half of such a block inside the range, if there is one.
func (n *parallelNOR) eraseRange(ctx context.Context, first, end int64) error {
	if !n.proven {
		base := n.bank.first()
		one := base + (first-base+2*n.unit-1)/(2*n.unit)*2*n.unit
		if one+2*n.unit > end {
			one = first
		}
		if err := n.eraseGuarded(ctx, one, one+n.unit); err != nil {
			return err
		}
	}
	err := n.eraseGuarded(ctx, first, end)
	n.proven = err == nil
	return err
}

// eraseGuarded erases a range, and returns an error if the erase blocks before and after it changed.
func (n *parallelNOR) eraseGuarded(ctx context.Context, first, end int64) error {
	before, err := n.neighbours(ctx, first, end)
	if err != nil {
		return err
	}
	res, err := n.run(ctx, fmt.Sprintf("erase %x +%x", first, end-first))
	switch {
	case err != nil:
		return err
	case IsUnknownCommand(res):
		return NoCommand("erase")
	case res.Code != 0 || protected.MatchString(res.Output):
		return n.failed(classify.WriteFailed, res, "U-Boot cannot erase %d bytes at %x", end-first, first)
	}
	after, err := n.neighbours(ctx, first, end)
	if err == nil && before != after {
		err = classify.WithHint(n.failed(classify.TargetUnsafe, res, "U-Boot erased more than the %d bytes at %x: the chip's erase blocks are larger than its %d bytes", end-first, first, n.unit),
			"name the chip with the true size of its erase blocks, as in \"nor %x/%x\", and restore what was next to these bytes", n.address, 2*n.unit)
	}
	return err
}

// neighbours returns the checksums of the erase blocks before and after a range; "" if U-Boot has no crc32.
func (n *parallelNOR) neighbours(ctx context.Context, first, end int64) (sums string, err error) {
	for _, at := range []int64{first - n.unit, end} {
		if at < n.bank.first() || at+n.unit > n.bank.end() {
			continue
		}
		res, err := n.run(ctx, fmt.Sprintf("crc32 %x %x", at, n.unit))
		if err != nil || res.Code != 0 {
			return "", err
		}
		_, sum, _ := strings.Cut(res.Output, "==>")
		sums += sum
	}
	return sums, nil
}

// protect sets the write protection of a range.
func (n *parallelNOR) protect(ctx context.Context, onOff string, first, end int64) error {
	res, err := n.run(ctx, fmt.Sprintf("protect %s %x +%x", onOff, first, end-first))
	switch {
	case err != nil:
		return err
	case IsUnknownCommand(res):
		return NoCommand("protect")
	case res.Code != 0:
		return n.failed(classify.TargetUnsafe, res, "U-Boot cannot set the write protection of %d bytes at %x", end-first, first)
	}
	return nil
}

// protectAgain protects the erase blocks of a range that were protected when the medium was selected.
func (n *parallelNOR) protectAgain(ctx context.Context, first, end int64) error {
	for _, s := range n.bank {
		if s.locked && s.first < end && s.end > first {
			if err := n.protect(ctx, "on", s.first, s.end); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkWritable takes the write protection off a range, asks U-Boot for it, and protects the range again.
func (n *parallelNOR) checkWritable(ctx context.Context, _ uint64, off, size int64) error {
	first, end := n.first+off, n.first+off+size
	if n.bank.locked(first, end) == nil {
		return nil
	}
	if err := n.protect(ctx, "off", first, end); err != nil {
		return err
	}
	banks, res, err := norBanks(ctx, n)
	if err != nil {
		return err
	}
	for _, b := range banks {
		if s := b.locked(first, end); s != nil {
			return classify.WithHint(n.failed(classify.TargetUnsafe, res, "the erase block at %x stays write protected", s.first),
				"U-Boot's `protect off` does not unlock it: check the chip's WP pin and the board's jumpers")
		}
	}
	return n.protectAgain(ctx, first, end)
}
