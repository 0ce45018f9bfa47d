package ubootmedia

import (
	"context"
	"strconv"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// Layouts of Options.
const (
	// SkipBad is the layout of an image on a NAND chip whose bad blocks are left out: a byte that would be in a bad
	// block is in the next good one.
	SkipBad = "skip-bad"
)

// chip is what the flash chips have in common.
type chip struct {
	Prompt
	Options
	name string
}

// run runs a command that may print nothing for a long time.
func (c *chip) run(ctx context.Context, cmd string) (console.Result, error) {
	return c.Exec(ctx, console.Command{Text: cmd, Stall: blockStall})
}

// failed returns an error with what U-Boot printed.
func (c *chip) failed(kind classify.Kind, res console.Result, format string, args ...any) error {
	return classify.WithConsole(classify.New(kind, c.name+": "+format, args...), res.Output)
}

// geometry returns the geometry of a chip of size bytes, from first on, of which the medium has what follows its
// offset. The offset must be at the begin of an erase block.
func (c *chip) geometry(disk string, size, sector, unit, first int64) (Geometry, error) {
	if (first+c.Offset)%unit != 0 {
		return Geometry{}, classify.WithHint(classify.New(classify.TargetUnsafe, "%s: byte %d is in the middle of an erase block of %d bytes", c.name, first+c.Offset, unit),
			"set offset to a multiple of %d: what else is in the block would be lost", unit)
	}
	if size > 0 && c.Offset >= size {
		return Geometry{}, classify.New(classify.TargetUnsafe, "%s: the offset %d is not in its %d bytes", c.name, c.Offset, size)
	}
	return Geometry{Size: max(size-c.Offset, 0), Sector: sector, Unit: unit, Disk: disk, First: first + c.Offset}, nil
}

// checkOptions returns an error if a medium cannot have the options.
func checkOptions(name string, o Options, layout bool) error {
	switch {
	case o.Part != "":
		return classify.WithHint(classify.New(classify.ConfigPolicy, "%s has no partition %q: it has no GPT", name, o.Part),
			"set offset to where the partition begins, or name it as in `mtd NAME`, if `mtd list` at U-Boot's prompt has it")
	case o.Offset < 0:
		return classify.New(classify.ConfigPolicy, "%s: the offset %d is negative", name, o.Offset)
	case o.Layout != "" && o.Layout != SkipBad:
		return classify.New(classify.ConfigPolicy, "%s: the layout %q is not known; it must be %q", name, o.Layout, SkipBad)
	case o.Layout != "" && !layout:
		return classify.WithHint(classify.New(classify.ConfigPolicy, "%s has no layout", name), "remove layout: it is for NAND chips, which have bad blocks")
	}
	return nil
}

// errNoLayout returns the error of a NAND chip whose image has no layout.
func errNoLayout(kind classify.Kind, name string) error {
	return classify.WithHint(classify.New(kind, "%s is a NAND chip, and nothing says where the image's bytes are if a block is bad", name),
		"set layout = %q in the target if what reads the chip leaves out bad blocks, as U-Boot and most boot ROMs do; use a UBI volume, as in \"ubi PART:VOLUME\", for a file system", SkipBad)
}

// parseHex returns a hexadecimal number, with or without 0x.
func parseHex(s string) (int64, bool) {
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X"), 16, 63)
	return int64(n), err == nil
}

// printedSize returns bytes that U-Boot's print_size printed, such as 64 and KiB.
func printedSize(number, unit string) int64 {
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0
	}
	switch unit[0] {
	case 'K', 'k':
		n *= 1 << 10
	case 'M':
		n *= 1 << 20
	case 'G':
		n *= 1 << 30
	}
	return int64(n)
}

// writeChecker is a medium that finds out whether a range is write protected.
type writeChecker interface {
	checkWritable(ctx context.Context, ram uint64, off, n int64) error
}

// CheckWritable returns an error of kind target.unsafe if n bytes at off of a medium are write protected. It writes
// nothing to the medium. ram is room for a sector.
func CheckWritable(ctx context.Context, m Medium, ram uint64, off, n int64) error {
	c, ok := m.(writeChecker)
	if !ok || n <= 0 {
		return nil
	}
	if _, err := m.Select(ctx, ram); err != nil {
		return err
	}
	return c.checkWritable(ctx, ram, off, n)
}
