package ubootmedia

import (
	"context"
	"regexp"
	"slices"

	"github.com/flashlua/flashlua/classify"
)

// goodBlocks maps bytes of an image to bytes of a NAND chip whose bad blocks are left out. Commands are given runs
// without a bad block: what U-Boot does at a bad block differs by command and version.
type goodBlocks struct {
	first int64   // where the image begins on the chip
	unit  int64   // bytes of a block
	bad   []int64 // offsets of bad blocks on the chip, ascending
}

// blockRun is a run of bytes of a chip, and how many bytes of what was asked for are before it.
type blockRun struct{ first, n, done int64 }

// runs returns the runs in which n bytes at off of the image are.
func (g goodBlocks) runs(off, n int64) (s []blockRun) {
	for done := int64(0); done < n; {
		at := g.first + off + done
		length := n - done
		for _, b := range g.bad {
			if b >= g.first && b <= at {
				at += g.unit
			} else if b > at {
				length = min(length, b-at)
				break
			}
		}
		s = append(s, blockRun{at, length, done})
		done += length
	}
	return s
}

// badBlock matches a block in the output of nand bad and mtd bad. Source: U-Boot, cmd/nand.c and cmd/mtd.c.
var badBlock = regexp.MustCompile(`(?m)^\s+(?:0x)?([0-9a-f]{8,})\b`)

// findBad asks for a chip's bad blocks, and takes them off the size of the medium.
func (c *chip) findBad(ctx context.Context, cmd string, blocks *goodBlocks, g *Geometry) error {
	res, err := c.run(ctx, cmd)
	if err != nil {
		return err
	}
	if res.Code != 0 {
		return c.failed(classify.UBootCommand, res, "U-Boot does not list the chip's bad blocks: `%s` exited %d", cmd, res.Code)
	}
	blocks.bad = nil
	end := blocks.first + g.Size
	for _, m := range badBlock.FindAllStringSubmatch(res.Output, -1) {
		at, _ := parseHex(m[1])
		blocks.bad = append(blocks.bad, at)
		if at >= blocks.first && at < end {
			g.Size -= blocks.unit
		}
	}
	slices.Sort(blocks.bad)
	return nil
}
