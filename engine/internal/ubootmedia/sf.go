package ubootmedia

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// spiNOR is an SPI-NOR chip. It implements Medium.
type spiNOR struct {
	chip
	first int64
}

func openSF(p Prompt, m []string, o Options) (Medium, error) {
	return &spiNOR{chip: chip{p, o, m[0]}}, checkOptions(m[0], o, false)
}

// probed matches a chip that was found. Source: U-Boot, spi_nor_scan in drivers/mtd/spi/spi-nor-core.c.
var probed = regexp.MustCompile(`erase size ([\d.]+) (Bytes|[KMG]iB), total ([\d.]+) (Bytes|[KMG]iB)`)

// Select implements Medium.
func (s *spiNOR) Select(ctx context.Context, _ uint64) (Geometry, error) {
	res, err := s.run(ctx, "sf probe "+strings.TrimPrefix(s.name, "sf "))
	if err != nil {
		return Geometry{}, err
	}
	m := probed.FindStringSubmatch(res.Output)
	switch {
	case IsUnknownCommand(res):
		return Geometry{}, NoCommand("sf")
	case res.Code != 0:
		return Geometry{}, classify.WithHint(s.failed(classify.TargetMissing, res, "U-Boot finds no SPI-NOR chip"),
			"compare bus and chip select with the device tree and `sf probe` at U-Boot's prompt")
	case m == nil:
		return Geometry{}, s.failed(classify.UBootCommand, res, "`sf probe` does not say how large the chip and its erase blocks are")
	}
	g, err := s.geometry(s.name, printedSize(m[3], m[4]), 1, printedSize(m[1], m[2]), 0)
	s.first = g.First
	return g, err
}

// Read implements Medium.
func (s *spiNOR) Read(ctx context.Context, ram uint64, off, n int64) error {
	res, err := s.run(ctx, fmt.Sprintf("sf read %x %x %x", ram, s.first+off, n))
	if err == nil && res.Code != 0 {
		err = s.failed(classify.VerifyRead, res, "U-Boot cannot read %d bytes at byte %d", n, s.first+off)
	}
	return err
}

// sfUpdated matches the end of an update. Source: U-Boot, spi_flash_update in cmd/sf.c.
var sfUpdated = regexp.MustCompile(`\d+ bytes written, \d+ bytes skipped`)

// Write implements Medium. U-Boot leaves erase blocks that have the content already.
func (s *spiNOR) Write(ctx context.Context, ram uint64, off, n int64) error {
	res, err := s.update(ctx, ram, s.first+off, n)
	if err == nil && (res.Code != 0 || !sfUpdated.MatchString(res.Output)) {
		err = s.failed(classify.WriteFailed, res, "U-Boot cannot write %d bytes at byte %d", n, s.first+off)
	}
	return err
}

func (s *spiNOR) update(ctx context.Context, ram uint64, first, n int64) (console.Result, error) {
	return s.run(ctx, fmt.Sprintf("sf update %x %x %x", ram, first, n))
}

// checkWritable has U-Boot replace the first and the last byte of a range by themselves. It says that they are locked
// before it compares them, and does not write what is equal. The locked range of a chip is at one of its ends, so that
// these bytes tell of those between.
func (s *spiNOR) checkWritable(ctx context.Context, ram uint64, off, n int64) error {
	for _, at := range []int64{s.first + off, s.first + off + n - 1} {
		if err := s.Read(ctx, ram, at-s.first, 1); err != nil {
			return err
		}
		res, err := s.update(ctx, ram, at, 1)
		if err != nil {
			return err
		}
		if res.Code != 0 && strings.Contains(res.Output, "locked") {
			return classify.WithHint(s.failed(classify.TargetUnsafe, res, "byte %d is write protected", at),
				"run `sf protect unlock` with the range first, and check the chip's WP pin")
		}
	}
	return nil
}
