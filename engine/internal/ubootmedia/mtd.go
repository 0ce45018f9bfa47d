package ubootmedia

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// mtd is a flash chip, or a partition of one, by the name that U-Boot's MTD layer has for it. It implements Medium.
type mtd struct {
	chip
	arg    string // the name as a command takes it
	dev    mtdDevice
	blocks goodBlocks
	direct Medium // the same chip in the board's address space; nil if it is not there
}

func openMTD(p Prompt, m []string, o Options) (Medium, error) {
	return &mtd{chip: chip{p, o, m[0]}, arg: m[1]}, checkOptions(m[0], o, true)
}

// Select implements Medium.
func (m *mtd) Select(ctx context.Context, ram uint64) (Geometry, error) {
	res, err := m.run(ctx, "mtd list")
	if err != nil {
		return Geometry{}, err
	}
	if IsUnknownCommand(res) {
		return Geometry{}, NoCommand("mtd")
	}
	var ok bool
	m.dev, ok = parseMTDList(res.Output)[m.arg]
	d := m.dev
	switch {
	case !ok:
		return Geometry{}, classify.WithHint(m.failed(classify.TargetMissing, res, "U-Boot has no MTD device of this name"),
			"compare it with the output of `mtd list` at U-Boot's prompt")
	case d.block == 0 || d.io == 0:
		return Geometry{}, m.failed(classify.UBootCommand, res, "`mtd list` does not say how large the chip's erase blocks are")
	case d.kind == "ROM":
		return Geometry{}, m.failed(classify.TargetUnsafe, res, "it is a ROM")
	case d.isNAND() && m.Layout == "":
		return Geometry{}, errNoLayout(classify.TargetUnsafe, m.name)
	case !d.isNAND() && m.Layout != "":
		return Geometry{}, checkOptions(m.name, m.Options, false)
	}
	if m.direct, err = m.findDirect(ctx); err != nil || m.direct != nil {
		if err != nil {
			return Geometry{}, err
		}
		g, err := m.direct.Select(ctx, ram)
		if g.Size > 0 { // to the end of the partition
			g.Size = max(d.size-m.Offset, 0)
		}
		return g, err
	}
	g, err := m.geometry("mtd "+d.device, d.size, d.io, d.block, d.first)
	m.blocks = goodBlocks{first: m.Offset, unit: d.block}
	if err != nil || !d.isNAND() {
		return g, err
	}
	return g, m.findBad(ctx, "mtd bad "+m.arg, &m.blocks, &g)
}

// findDirect returns the chip as a parallel NOR chip, if it is one: an erase can then be watched, and protection be
// taken off. Source of the names: U-Boot, drivers/mtd/cfi_mtd.c.
func (m *mtd) findDirect(ctx context.Context) (Medium, error) {
	number, isNOR := strings.CutPrefix(m.dev.device, "nor")
	i, err := strconv.Atoi(number)
	if !isNOR || err != nil || m.dev.isNAND() {
		return nil, nil
	}
	banks, _, err := norBanks(ctx, m)
	if err != nil || i >= len(banks) || banks[i] == nil || banks[i].largest() != m.dev.block {
		return nil, err
	}
	b := banks[i]
	if m.dev.first+m.dev.size > b.end()-b.first() {
		return nil, nil
	}
	o := m.Options
	o.Offset += m.dev.first
	return &parallelNOR{chip: chip{m.Prompt, o, m.name}, address: b.first()}, nil
}

// Read implements Medium.
func (m *mtd) Read(ctx context.Context, ram uint64, off, n int64) error {
	if m.direct != nil {
		return m.direct.Read(ctx, ram, off, n)
	}
	for _, r := range m.blocks.runs(off, n) {
		if err := m.readRun(ctx, ram+uint64(r.done), r.first, r.first+r.n); err != nil {
			return err
		}
	}
	return nil
}

// corrected matches the end of a read at a page whose bits the ECC has corrected: U-Boot's mtd takes EUCLEAN, 117, for
// an error, after it has read the page. Source: do_mtd_io in cmd/mtd.c.
var corrected = regexp.MustCompile(`(?s)Failure while reading at offset 0x([0-9a-f]+)\b.*error -117`)

// readRun reads a range without bad blocks. It goes on after a page with corrected bits: what is in RAM is hashed.
func (m *mtd) readRun(ctx context.Context, ram uint64, first, end int64) error {
	for at := first; at < end; {
		res, err := m.run(ctx, fmt.Sprintf("mtd read %s %x %x %x", m.arg, ram+uint64(at-first), at, end-at))
		if err != nil || res.Code == 0 {
			return err
		}
		page := int64(-1)
		if c := corrected.FindStringSubmatch(res.Output); c != nil {
			page, _ = parseHex(c[1])
		}
		if page < at || page >= end {
			return m.failed(classify.VerifyRead, res, "U-Boot cannot read %d bytes at byte %d", end-at, at)
		}
		at = page + m.dev.io
	}
	return nil
}

// Write implements Medium.
func (m *mtd) Write(ctx context.Context, ram uint64, off, n int64) error {
	if m.direct != nil {
		return m.direct.Write(ctx, ram, off, n)
	}
	for _, r := range m.blocks.runs(off, n) {
		res, err := m.run(ctx, fmt.Sprintf("mtd erase %s %x %x", m.arg, r.first, r.n))
		if err == nil && res.Code == 0 {
			res, err = m.run(ctx, fmt.Sprintf("mtd write %s %x %x %x", m.arg, ram+uint64(r.done), r.first, r.n))
		}
		if err != nil {
			return err
		}
		if res.Code != 0 {
			return m.failed(classify.WriteFailed, res, "U-Boot cannot write %d bytes at byte %d", r.n, r.first)
		}
	}
	return nil
}

// checkWritable implements writeChecker.
func (m *mtd) checkWritable(ctx context.Context, ram uint64, off, n int64) error {
	if m.direct == nil {
		return nil
	}
	return CheckWritable(ctx, m.direct, ram, off, n)
}
