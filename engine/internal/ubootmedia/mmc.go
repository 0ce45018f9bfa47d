package ubootmedia

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// mmc is an SD card, or a hardware partition of an eMMC. It implements Medium and writeChecker.
type mmc struct{ block }

// hardware are the numbers of an eMMC's hardware partitions, by the names that Linux uses. Source: JEDEC eMMC 5.1,
// PARTITION_CONFIG.
var hardware = map[string]string{"": "0", "user": "0", "boot0": "1", "boot1": "2"}

func openMMC(p Prompt, m []string, o Options) (Medium, error) {
	hw, named := hardware[m[2]]
	if !named {
		hw = m[2]
	}
	return &mmc{block{Prompt: p, Options: o, iface: "mmc", dev: m[1], hw: hw}}, checkBlockOptions(m[0], o)
}

// maxTransfer are the bytes of one command. U-Boot's SDHCI driver ends a transfer after 10 s with an error; a slow
// card needs longer for 32 MiB. Source: U-Boot, sdhci_transfer_data in drivers/mmc/sdhci.c.
const maxTransfer = 8 << 20

// Read implements Medium.
func (c *mmc) Read(ctx context.Context, ram uint64, off, n int64) error {
	return inParts(ctx, ram, off, n, c.block.Read)
}

// Write implements Medium.
func (c *mmc) Write(ctx context.Context, ram uint64, off, n int64) error {
	return inParts(ctx, ram, off, n, c.block.Write)
}

// inParts calls transfer for at most maxTransfer bytes at a time.
func inParts(ctx context.Context, ram uint64, off, n int64, transfer func(ctx context.Context, ram uint64, off, n int64) error) error {
	for done := int64(0); done < n; done += maxTransfer {
		if err := transfer(ctx, ram+uint64(done), off+done, min(maxTransfer, n-done)); err != nil {
			return err
		}
	}
	return nil
}

// noHardware matches what U-Boot prints of a hardware partition that is not there. Source: U-Boot, cmd/mmc.c.
var noHardware = regexp.MustCompile(`switch to partitions #\d+, ERROR`)

func (b *block) errNoHardware(output string) error {
	return classify.WithHint(classify.WithConsole(classify.New(classify.TargetMissing, "mmc %s has no hardware partition %s", b.dev, b.hw), output),
		"an SD card has none, and boot0 and boot1 of an eMMC are 1 and 2: `mmc dev %s; mmc info` at U-Boot's prompt shows which card it is", b.dev)
}

// area matches the write protection of an eMMC's boot partitions in the output of mmc info. Source: U-Boot,
// cmd/mmc.c.
var area = regexp.MustCompile(`(?m)^Boot area (\d) is (power on|permanently) protected`)

// checkWritable implements writeChecker. It has U-Boot write no blocks: U-Boot looks at the card's switch before.
// The write protection of an eMMC's boot partition is in one of its registers.
func (c *mmc) checkWritable(ctx context.Context, ram uint64, off, _ int64) error {
	res, err := c.Exec(ctx, console.Command{Text: fmt.Sprintf("mmc write %x %x 0", ram, (c.first+off)/c.size)})
	switch {
	case err != nil:
		return err
	case writeProtected.MatchString(res.Output):
		return c.errProtected(res.Output)
	case res.Code != 0 && strings.Contains(res.Output, "Usage:"):
		return NoCommand("mmc write")
	case c.hw != hardware["boot0"] && c.hw != hardware["boot1"]:
		return nil
	}
	info, err := RunSteady(ctx, c.Prompt, "mmc info")
	if err != nil {
		return err
	}
	for _, m := range area.FindAllStringSubmatch(info, -1) {
		if boot := "boot" + m[1]; hardware[boot] == c.hw {
			return errArea(c.dev, boot, m[2], info)
		}
	}
	return nil
}

// errArea returns the error of a boot partition that is write-protected until the next power-on, or for ever.
func errArea(dev, boot, how, info string) error {
	err := classify.WithConsole(classify.New(classify.TargetUnsafe, "mmc %s.%s is write-protected: `mmc info` says %s protected", dev, boot, how), info)
	if how == "permanently" {
		return classify.WithHint(err, "this cannot be undone: write the other boot partition, and have the eMMC boot from it by `mmc partconf`")
	}
	return classify.WithHint(err, "the eMMC takes writes again after its power was off; what protects it, such as `mmc wp` in the board's own commands, must not run before the flash")
}
