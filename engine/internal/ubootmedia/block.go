package ubootmedia

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// block is a block device, or a part of one. It implements Medium.
type block struct {
	Prompt
	Options
	iface string // the command: mmc, virtio
	dev   string // its number
	hw    string // hardware partition of an eMMC: "1" for boot0; "" if the device has none
	size  int64  // bytes of a block
	first int64  // byte offset of the medium in the device
}

func openBlock(p Prompt, m []string, o Options) (Medium, error) {
	return &block{Prompt: p, Options: o, iface: m[1], dev: m[2]}, checkBlockOptions(m[0], o)
}

const minSector = 512 // bytes of the smallest block of a disk

// checkBlockOptions returns an error if a block device cannot have the options.
func checkBlockOptions(name string, o Options) error {
	o.Part = ""
	if o.Offset%minSector != 0 {
		return classify.WithHint(classify.New(classify.ConfigPolicy, "%s: the offset %d is not a multiple of a block, which has %d bytes or more", name, o.Offset, minSector),
			`write it as "512K" or "1M", or as a number of bytes`)
	}
	return checkOptions(name, o, false)
}

// name returns the device as U-Boot's commands for file systems and partitions take it.
func (b *block) name() string {
	if b.hw != "" && b.hw != "0" {
		return b.iface + " " + b.dev + "." + b.hw
	}
	return b.iface + " " + b.dev
}

// busCommands are commands of an interface of block devices.
type busCommands struct {
	scan string // finds the devices, if U-Boot has not looked yet
	list string // shows the devices
}

// buses are the commands of all interfaces of block devices. mmc list probes the controllers, which some U-Boots
// have not done: those on PCI are found after U-Boot's start looked for cards. mmc rescan looks for a card again.
var buses = map[string]busCommands{
	"mmc":    {"mmc list; mmc rescan", "mmc list"},
	"virtio": {"virtio scan", "virtio info"},
	"nvme":   {"nvme scan", "nvme info"},
	"scsi":   {"scsi scan", "scsi info"},
	"sata":   {"sata init", "sata info"},
	"usb":    {"usb start", "usb storage"},
	"ide":    {"ide reset", "ide info"},
}

const (
	scanTimeout = time.Minute      // for a bus with devices that answer slowly
	blockStall  = 10 * time.Minute // a command of a flash chip prints nothing until it ends
	// transferStall is for as much as fits into a buffer, on a slow card.
	transferStall = 3 * time.Minute
	tries         = 3 // of a command whose output console noise may damage, and of a transfer
)

// capacity matches the size in blocks, and the size of a block. Source: U-Boot, dev_print in disk/part.c.
var capacity = regexp.MustCompile(`\((\d+) x (\d+)\)`)

// Select implements Medium.
func (b *block) Select(ctx context.Context, ram uint64) (Geometry, error) {
	res, err := b.selectDevice(ctx)
	if err != nil {
		return Geometry{}, err
	}
	g := Geometry{Sector: minSector, Disk: b.name()}
	if m := capacity.FindStringSubmatch(res.Output); m != nil {
		blocks, _ := strconv.ParseInt(m[1], 10, 64)
		g.Sector, _ = strconv.ParseInt(m[2], 10, 64)
		g.Size = blocks * g.Sector
	}
	b.size, b.first = g.Sector, 0
	if b.Part != "" {
		if err := b.findPart(ctx, &g); err != nil {
			return Geometry{}, err
		}
	}
	if b.Offset%g.Sector != 0 {
		return Geometry{}, classify.New(classify.TargetUnsafe, "%s: the offset %d is not a multiple of a block of %d bytes", b.name(), b.Offset, g.Sector)
	}
	if g.Size > 0 {
		if b.Offset >= g.Size {
			return Geometry{}, classify.New(classify.TargetUnsafe, "%s: the offset %d is not within its %d bytes", b.name(), b.Offset, g.Size)
		}
		g.Size -= b.Offset
	}
	g.First = b.first + b.Offset
	b.first = g.First
	g.Unit = g.Sector
	return g, nil
}

// selectDevice makes the device current. It has U-Boot look for devices if it has none with that number.
func (b *block) selectDevice(ctx context.Context) (console.Result, error) {
	cmd := console.Command{Text: b.iface + " dev " + b.dev, Timeout: scanTimeout}
	if b.hw != "" {
		cmd.Text += " " + b.hw
	}
	res, err := b.Exec(ctx, cmd)
	if err == nil && !noHardware.MatchString(res.Output) && (res.Code != 0 || lacks.MatchString(res.Output)) {
		if IsUnknownCommand(res) {
			return res, NoCommand(b.iface)
		}
		if res, err = b.Exec(ctx, console.Command{Text: buses[b.iface].scan, Timeout: scanTimeout}); err == nil {
			res, err = b.Exec(ctx, cmd)
		}
	}
	switch {
	case err != nil:
	case noHardware.MatchString(res.Output):
		err = b.errNoHardware(res.Output)
	case res.Code != 0 || lacks.MatchString(res.Output):
		err = classify.WithHint(classify.WithConsole(classify.New(classify.TargetMissing, "U-Boot has no device %s", b.name()), res.Output),
			"compare it with the output of `%s` at U-Boot's prompt", buses[b.iface].list)
	}
	return res, err
}

// lacks matches what U-Boot prints of a device that is not there. Some versions exit 0 after it.
var lacks = regexp.MustCompile(`(?i)unknown device|no \w+ device|not found|not available|is stopped|Card did not respond`)

// Read implements Medium.
func (b *block) Read(ctx context.Context, ram uint64, off, n int64) error {
	return b.transfer(ctx, "read", classify.VerifyRead, ram, off, n)
}

// Write implements Medium.
func (b *block) Write(ctx context.Context, ram uint64, off, n int64) error {
	return b.transfer(ctx, "write", classify.WriteFailed, ram, off, n)
}

// transferredBlocks matches the end of a transfer. Source: U-Boot, blk_common_cmd in cmd/blk_common.c and
// cmd/mmc.c.
var transferredBlocks = regexp.MustCompile(`(-?\d+) blocks (?:read|written|write): (OK|ERROR)`)

// transfer reads or writes. It repeats what failed: the output may be damaged, or a transfer on the medium's bus.
// A read that is repeated may leave in RAM what the one before it read, which came from the medium, too.
func (b *block) transfer(ctx context.Context, verb string, kind classify.Kind, ram uint64, off, n int64) error {
	cmd := fmt.Sprintf("%s %s %x %x %x", b.iface, verb, ram, (b.first+off)/b.size, n/b.size)
	var res console.Result
	for range tries {
		var err error
		if res, err = b.Exec(ctx, console.Command{Text: cmd, Stall: transferStall}); err != nil {
			return err
		}
		m := transferredBlocks.FindStringSubmatch(res.Output)
		switch {
		case res.Code == 0 && m != nil && m[1] == strconv.FormatInt(n/b.size, 10) && m[2] == "OK":
			return nil
		case writeProtected.MatchString(res.Output):
			return b.errProtected(res.Output)
		case res.Code == 0 && m == nil && verb == "read": // the digest decides
			return nil
		}
	}
	return b.errTransfer(verb, kind, off, n, res)
}

func (b *block) errTransfer(verb string, kind classify.Kind, off, n int64, res console.Result) error {
	return classify.WithConsole(classify.New(kind, "%s: U-Boot cannot %s %d bytes at byte %d", b.name(), verb, n, b.first+off), res.Output)
}

// writeProtected matches what U-Boot prints of a card with write protection. Source: U-Boot, cmd/mmc.c.
var writeProtected = regexp.MustCompile(`(?i)write[ -]protected!`)

func (b *block) errProtected(output string) error {
	return classify.WithHint(classify.WithConsole(classify.New(classify.TargetUnsafe, "%s is write-protected", b.name()), output),
		"check the switch of the card, or its socket's write-protect pin")
}
