package engine

import "github.com/flashlua/flashlua/engine/internal/flash"

// Target is where an image goes: a medium of the board, or a partition of it. Linux finds it by its path or by its
// address in sysfs, U-Boot by the name that its commands take. Plain data: safe for concurrent use while nothing
// changes it.
type Target struct {
	Name   string
	Path   string // of a block device in Linux, /dev/mmcblk0; or
	Sysfs  string // part of the path of the device's directory in /sys: the address of its controller
	UBoot  string // in U-Boot: `mmc 0`, `sf 0:0`; "": U-Boot cannot write it
	Part   string // GPT label of a partition in it; "" is the whole device
	Offset int64  // bytes from the begin of the medium or the partition; for U-Boot only
	Layout string // of an image on a NAND chip: `skip-bad`; for U-Boot only

	ClearForceRO bool // make an eMMC's boot partition writable during the write
}

// Check returns an error for a target that no board can have: of kind target.unsafe for /dev/mtd0, /dev/ubi0_0 and
// /dev/ttyS0, which are no block devices, and of kind config.policy for a name that is none in U-Boot.
func (t Target) Check() error { return flash.Target(t).Check() }

// String names the device, or the partition of it.
func (t Target) String() string { return flash.Target(t).String() }
