package ubootmedia

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// nand is a NAND chip. It implements Medium.
type nand struct {
	chip
	number string
	blocks goodBlocks
	write  string // the command that writes; the first that U-Boot has
}

func openNAND(p Prompt, m []string, o Options) (Medium, error) {
	err := checkOptions(m[0], o, true)
	if err == nil && o.Layout == "" {
		err = errNoLayout(classify.ConfigPolicy, m[0])
	}
	// Trimmed pages at the end of a block stay erased, so that UBI can write them. Source: U-Boot, doc/README.nand.
	return &nand{chip: chip{p, o, m[0]}, number: m[1], write: "nand write.trimffs"}, err
}

// nandChip matches a chip in the output of nand info, and what it says of it. Source: U-Boot, nand_print_and_set_info
// in cmd/nand.c.
var (
	nandChip  = regexp.MustCompile(`(?m)^Device (\d+): (?:\d+x )?(.*), sector size (\d+) KiB`)
	nandField = regexp.MustCompile(`(?m)^\s+(Page|Erase) size\s+(\d+) b`)
)

// Select implements Medium.
func (c *nand) Select(ctx context.Context, ram uint64) (Geometry, error) {
	res, err := c.run(ctx, "nand info")
	if err != nil {
		return Geometry{}, err
	}
	if IsUnknownCommand(res) {
		return Geometry{}, NoCommand("nand")
	}
	page, block, name := int64(0), int64(0), ""
	for _, text := range strings.Split(res.Output, "\nDevice ") {
		text = "Device " + strings.TrimPrefix(text, "Device ")
		m := nandChip.FindStringSubmatch(text)
		if m == nil || m[1] != c.number {
			continue
		}
		name = m[2]
		block = printedSize(m[3], "KiB")
		for _, f := range nandField.FindAllStringSubmatch(text, -1) {
			if f[1] == "Page" {
				page, _ = strconv.ParseInt(f[2], 10, 64)
			}
		}
	}
	if block == 0 {
		return Geometry{}, classify.WithHint(c.failed(classify.TargetMissing, res, "U-Boot has no such NAND chip"),
			"compare it with the output of `nand info` at U-Boot's prompt")
	}
	if page == 0 { // an old U-Boot does not say it
		page = block
	}
	if res, err = c.run(ctx, "nand device "+c.number); err != nil {
		return Geometry{}, err
	}
	size, err := c.findSize(ctx, ram, block)
	if err != nil {
		return Geometry{}, err
	}
	g, err := c.geometry("mtd "+name, size, page, block, 0)
	if err != nil {
		return g, err
	}
	c.blocks = goodBlocks{first: g.First, unit: block}
	return g, c.findBad(ctx, "nand bad", &c.blocks, &g)
}

// findSize finds out how large the chip is, which no command of nand prints: U-Boot refuses to read where the chip
// ends. A chip's size is a power of two. It returns 0 if U-Boot refuses nothing.
func (c *nand) findSize(ctx context.Context, ram uint64, block int64) (int64, error) {
	for size := block; size < 1<<40; size *= 2 {
		res, err := c.run(ctx, fmt.Sprintf("nand read %x %x 1", ram, size))
		if err != nil {
			return 0, err
		}
		if strings.Contains(res.Output, "exceeds device limit") {
			return size, nil
		}
	}
	return 0, nil
}

// Read implements Medium.
func (c *nand) Read(ctx context.Context, ram uint64, off, n int64) error {
	for _, r := range c.blocks.runs(off, n) {
		res, err := c.transfer(ctx, "nand read", ram, r)
		if err != nil {
			return err
		}
		if !nandOK(res, r.n) {
			return c.failed(classify.VerifyRead, res, "U-Boot cannot read %d bytes at byte %d", r.n, r.first)
		}
	}
	return nil
}

// Write implements Medium.
func (c *nand) Write(ctx context.Context, ram uint64, off, n int64) error {
	for _, r := range c.blocks.runs(off, n) {
		res, err := c.run(ctx, fmt.Sprintf("nand erase %x %x", r.first, r.n))
		if err != nil {
			return err
		}
		if res.Code != 0 || strings.Contains(res.Output, "Erase failure") || strings.Contains(res.Output, "Skipping") {
			return classify.WithHint(c.failed(classify.WriteFailed, res, "U-Boot cannot erase %d bytes at byte %d", r.n, r.first),
				"a block that cannot be erased is worn: mark it with `nand markbad` at U-Boot's prompt, and flash again")
		}
		if res, err = c.transfer(ctx, c.write, ram, r); err == nil && strings.Contains(res.Output, "Unknown nand command suffix") {
			c.write = "nand write"
			res, err = c.transfer(ctx, c.write, ram, r)
		}
		if err != nil {
			return err
		}
		if !nandOK(res, r.n) {
			return c.failed(classify.WriteFailed, res, "U-Boot cannot write %d bytes at byte %d", r.n, r.first)
		}
	}
	return nil
}

func (c *nand) transfer(ctx context.Context, verb string, ram uint64, r blockRun) (console.Result, error) {
	return c.run(ctx, fmt.Sprintf("%s %x %x %x", verb, ram+uint64(r.done), r.first, r.n))
}

// nandTransferred matches the end of a transfer. Source: U-Boot, do_nand in cmd/nand.c.
var nandTransferred = regexp.MustCompile(`(\d+) bytes (?:read|written): OK`)

// nandOK reports whether a command transferred n bytes.
func nandOK(res console.Result, n int64) bool {
	m := nandTransferred.FindStringSubmatch(res.Output)
	return res.Code == 0 && m != nil && m[1] == strconv.FormatInt(n, 10)
}
