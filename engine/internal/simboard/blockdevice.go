package simboard

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// An interface of block devices of U-Boot.
type blockInterface struct {
	scan   []string // subcommands that look for devices
	title  string   // in the header of a partition table
	first  int      // the device that is current after a scan; -1 if there is none
	scans  string   // what a scan prints
	vendor string   // what is printed of a device
}

// Source: U-Boot, the commands' files in cmd, and dev_print in disk/part.c. The devices are those of QEMU.
var blockInterfaces = map[string]blockInterface{
	"virtio": {[]string{"scan"}, "VirtIO", 0, "", "1af4 VirtIO Block Device"},
	"nvme":   {[]string{"scan"}, "NVMe", 0, "", "Vendor: 0x1b36 Rev: 7.2.22   Prod: 1                   "},
	"scsi":   {[]string{"scan", "reset"}, "SCSI", 0, "scanning bus for devices...\n", "(0:0) Vendor: QEMU Prod.: QEMU HARDDISK Rev: 2.5+"},
	"sata":   {[]string{"init", "stop"}, "SATA", 0, "", "Model: QEMU HARDDISK Firm: 2.5+ Ser#: QM00001"},
	"usb":    {[]string{"start", "reset", "stop", "tree", "info"}, "USB", -1, "", "Vendor: QEMU     Rev: 2.5+ Prod: QEMU HARDDISK   "},
	"ide":    {[]string{"reset"}, "IDE", 0, "", "Model: QEMU HARDDISK Firm: 2.5+ Ser#: QM00001"},
	"mmc":    {nil, "MMC", 0, "", ""},
}

const errnoIO = -5

// blockCommand returns the command of an interface.
func blockCommand(iface string) func(*bootloader, context.Context, []string) (int, error) {
	return func(u *bootloader, _ context.Context, args []string) (int, error) {
		kind := blockInterfaces[iface]
		if len(args) == 2 && slices.Contains(kind.scan, args[1]) {
			u.printf("%s", kind.scans)
			if iface == "scsi" {
				u.listDevices(iface)
			}
			return 0, nil
		}
		return u.blockCommon(iface, args)
	}
}

// blockCommon are the subcommands that all interfaces have.
func (u *bootloader) blockCommon(iface string, args []string) (int, error) {
	is := func(beginning string) bool { return strings.HasPrefix(args[1], beginning) }
	switch {
	case len(args) == 2 && is("inf"):
		u.listDevices(iface)
		return 0, nil
	case len(args) == 2 && is("dev"):
		d := u.device(iface, u.currentDevice(iface))
		if d == nil {
			u.printf("\nno %s devices available\n", iface)
			return 1, nil
		}
		u.printf("\nIDE device %d: %s", d.number, d.describe())
		return 0, nil
	case len(args) == 2 && is("part"):
		return 0, u.listTables(iface)
	case len(args) == 3 && is("dev"):
		n := number(args[2], 10)
		d := u.device(iface, n)
		if d == nil {
			u.printf("\nDevice %d: unknown device\n", n)
			return 1, nil
		}
		u.current[iface] = n
		u.printf("\nDevice %d: %s... is now current device\n", n, d.describe())
		return 0, nil
	case len(args) == 3 && is("part"):
		n := number(args[2], 10)
		d := u.device(iface, n)
		if d == nil {
			u.printf("\n%s device %d not available\n", iface, n)
			return 1, nil
		}
		return 0, u.printTable(d)
	case len(args) > 3 && (args[1] == "read" || args[1] == "write"):
		return u.blockTransfer(iface, args)
	}
	return u.usage(iface)
}

func (u *bootloader) blockTransfer(iface string, args []string) (int, error) {
	a, n := hexArgs(args, 2), u.currentDevice(iface)
	u.printf("\n%s %s: device %d block # %d, count %d ... ", iface, args[1], n, a[1], a[2])
	done, err := int64(-19), error(nil) // ENODEV
	if d := u.device(iface, n); d != nil {
		done, err = u.transfer(d, args[1] == "write", a[0], a[1], a[2])
	}
	if err != nil {
		return u.abort(err)
	}
	status, word := 1, "ERROR"
	if done == int64(a[2]) {
		status, word = 0, "OK"
	}
	u.printf("%d blocks %s: %s\n", done, map[string]string{"read": "read", "write": "written"}[args[1]], word)
	return status, nil
}

// transfer copies blocks between a device and RAM, and returns how many, or U-Boot's number of an error.
func (u *bootloader) transfer(d *blockDevice, write bool, addr, block, count uint64) (int64, error) {
	size := uint64(d.sector)
	if !within(block, count, uint64(d.size)/size) || write && d.b.cfg.Protected {
		return errnoIO, nil
	}
	if !u.ram.has(addr, count*size) {
		return 0, errNoMemory
	}
	var err error
	if write {
		err = d.disk.store(&u.ram, addr, int64(block*size), int64(count*size))
	} else {
		err = d.disk.fetch(&u.ram, addr, int64(block*size), int64(count*size))
	}
	return int64(count), err
}

// blockDevice is a device of U-Boot.
type blockDevice struct {
	*disk
	iface  string
	number int
	sector int64
}

// device returns a device, nil if there is none.
func (u *bootloader) device(iface string, n int) *blockDevice {
	return u.hardwarePartition(iface, n, 0)
}

// hardwarePartition returns a device's hardware partition: 0 is the user area.
func (u *bootloader) hardwarePartition(iface string, n, part int) *blockDevice {
	for _, d := range u.disks {
		if i, number := d.uboot(); i == iface && number == n && d.part == part {
			return &blockDevice{d, iface, n, max(u.b.cfg.Sector, sector)}
		}
	}
	return nil
}

// currentDevice returns the number of the device that a command without a number means.
func (u *bootloader) currentDevice(iface string) int {
	if n, ok := u.current[iface]; ok {
		return n
	}
	return blockInterfaces[iface].first
}

func (u *bootloader) listDevices(iface string) {
	for n := range len(u.disks) {
		if d := u.device(iface, n); d != nil {
			u.printf("%sDevice %d: %s", map[bool]string{true: "  "}[iface == "scsi"], n, d.describe())
		}
	}
}

// describe is U-Boot's description of a device.
func (d *blockDevice) describe() string {
	tenths := d.size / sector * 10 >> 11
	return fmt.Sprintf("%s\n            Type: Hard Disk\n            Capacity: %d.%d MB = %d.%d GB (%d x %d)\n", blockInterfaces[d.iface].vendor,
		tenths/10, tenths%10, tenths/1024/10, tenths/1024%10, d.size/d.sector, d.sector)
}
