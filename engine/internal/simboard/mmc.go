package simboard

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"
)

const (
	sector      = 512
	bootSize    = 4 << 20 // of each of the two hardware partitions for a bootloader
	maxHardware = 7       // number of a hardware partition
)

// card is what an eMMC keeps in its registers.
type card struct{ ack, boot, access, width, reset, mode uint64 }

// mmc works on the media that are cards, by their number: mmcblk0 is device 0.
func mmc(u *bootloader, _ context.Context, args []string) (int, error) {
	if len(args) < 2 {
		return u.usage("mmc")
	}
	switch args[1] {
	case "list":
		for n := range len(u.disks) {
			if d := u.device("mmc", n); d != nil {
				u.printf("%s: %d%s\n", busName(d.medium), n, map[bool]string{true: " (eMMC)"}[u.cards[n]])
			}
		}
		return 0, nil
	case "dev":
		return u.mmcDev(args)
	case "partconf", "bootbus":
		return u.mmcRegister(args)
	}
	d := u.hardwarePartition("mmc", u.currentDevice("mmc"), u.mmcPart)
	if d == nil {
		return u.noCard(u.currentDevice("mmc"))
	}
	u.cards[d.number] = true
	switch {
	case args[1] == "info":
		u.mmcInfo(d)
		return 0, nil
	case args[1] == "rescan":
		return 0, nil
	case args[1] == "part":
		return 0, u.printTable(d)
	case (args[1] == "read" || args[1] == "write") && len(args) == 5:
		return u.mmcCopy(d, args)
	}
	return u.usage("mmc")
}

// mmcDev is "mmc dev [N [PART]]".
func (u *bootloader) mmcDev(args []string) (int, error) {
	n, part := u.currentDevice("mmc"), 0
	if len(args) > 2 {
		n = number(args[2], 10)
	}
	if len(args) > 3 {
		part = number(args[3], 10)
	}
	if part > maxHardware {
		u.printf("#part_num shouldn't be larger than %d\n", maxHardware)
		return 1, nil
	}
	if u.device("mmc", n) == nil {
		return u.noCard(n)
	}
	if u.hardwarePartition("mmc", n, part) == nil {
		u.printf("switch to partitions #%d, ERROR\n", part)
		return 1, nil
	}
	u.current["mmc"], u.mmcPart, u.cards[n] = n, part, true
	u.printf("switch to partitions #%d, OK\nmmc%d(part %d) is current device\n", part, n, part)
	return 0, nil
}

func (u *bootloader) mmcCopy(d *blockDevice, args []string) (int, error) {
	a := hexArgs(args, 2)
	block, count := uint64(uint32(a[1])), uint64(uint32(a[2]))
	u.printf("\nMMC %s: dev # %d, block # %d, count %d ... ", args[1], d.number, int32(block), int32(count))
	if args[1] == "write" && u.b.cfg.Protected {
		u.printf("Error: card is write protected!\n")
		return 1, nil
	}
	done, err := int64(0), error(nil)
	if within(block, count, uint64(d.size/d.sector)) {
		done, err = u.transfer(d, args[1] == "write", a[0], block, count)
	} else {
		u.printf("MMC: block number 0x%x exceeds max(0x%x)\n", block+count, d.size/d.sector)
	}
	if err != nil {
		return u.abort(err)
	}
	status, word := 1, "ERROR"
	if done == int64(count) {
		status, word = 0, "OK"
	}
	u.printf("%d blocks %s: %s\n", done, map[string]string{"read": "read", "write": "written"}[args[1]], word)
	return status, nil
}

// mmcRegister is "mmc partconf N [ACK PART ACCESS]" and "mmc bootbus N WIDTH RESET MODE".
func (u *bootloader) mmcRegister(args []string) (int, error) {
	if len(args) < 3 {
		return u.usage("mmc")
	}
	n := number(args[2], 10)
	d := u.device("mmc", n)
	if d == nil {
		return u.noCard(n)
	}
	c, a := &d.card, [3]uint64{}
	for i := range a {
		if 3+i < len(args) {
			a[i] = uint64(number(args[3+i], 10))
		}
	}
	switch {
	case args[1] == "partconf" && len(args) < 5:
		if len(args) == 4 {
			u.env[args[3]] = strconv.FormatUint(c.boot, 16)
		}
		u.printf("EXT_CSD[179], PARTITION_CONFIG:\nBOOT_ACK: 0x%x\nBOOT_PARTITION_ENABLE: 0x%x\nPARTITION_ACCESS: 0x%x\n", c.ack, c.boot, c.access)
		return 0, nil
	case len(args) != 6:
		return u.usage("mmc")
	case args[1] == "partconf":
		c.ack, c.boot, c.access = a[0]&1, a[1]&7, a[2]&7
		return 0, nil
	case a[0] > 2:
		u.printf("boot_bus_width %d is invalid\n", a[0])
		return 1, nil
	case a[1] > 1:
		u.printf("reset_boot_bus_width %d is invalid\n", a[1])
		return 1, nil
	case a[2] > 2:
		u.printf("reset_boot_bus_width %d is invalid\n", a[2])
		return 1, nil
	}
	c.width, c.reset, c.mode = a[0], a[1], a[2]
	u.printf("Set to BOOT_BUS_WIDTH = 0x%x, RESET = 0x%x, BOOT_MODE = 0x%x\n", c.width, c.reset, c.mode)
	return 0, nil
}

func (u *bootloader) mmcInfo(d *blockDevice) {
	user := u.device("mmc", d.number)
	u.printf("Device: %s\nManufacturer ID: aa\nOEM: 5859\nName: FLASHL \nBus Speed: 52000000\nMode: MMC High Speed (52MHz)\n", busName(d.medium))
	u.printf("Rd Block Len: 512\nMMC version 5.1\nHigh Capacity: Yes\nCapacity: %s\nBus Width: 8-bit\nErase Group Size: 512 KiB\n", sizeText(d.size))
	u.printf("HC WP Group Size: 8 MiB\nUser Capacity: %s WRREL\nBoot Capacity: %s ENH\nRPMB Capacity: 128 KiB ENH\n", sizeText(user.size), sizeText(bootSize))
	u.printf("Boot area 0 is not write protected\nBoot area 1 is not write protected\n")
}

// within reports whether n from an offset on lie below a limit; their sum may overflow.
func within(from, n, limit uint64) bool { return n <= limit && from <= limit-n }

func (u *bootloader) noCard(n int) (int, error) {
	u.printf("MMC Device %d not found\nno mmc device at slot %x\n", n, n)
	return 1, nil
}

func busName(m *medium) string {
	if address, kind, ok := strings.Cut(m.Bus, "."); ok {
		return kind + "@" + address
	}
	return "mmc@" + hex.EncodeToString([]byte(m.Name[len(m.Name)-1:]))
}
