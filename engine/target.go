package engine

import "github.com/flashlua/flashlua/engine/internal/flash"

// Target is where an image goes: a block device of the board, by its path or by its address in sysfs, or a
// partition of it. Plain data: safe for concurrent use while nothing changes it.
type Target struct {
	Name  string
	Path  string // of a block device on the board, /dev/mmcblk0; or
	Sysfs string // part of the path of the device's directory in /sys: the address of its controller
	Part  string // GPT label of a partition in it; "" is the whole device

	ClearForceRO bool // make an eMMC's boot partition writable during the write
}

// Check returns an error, of kind target.unsafe, for a target that no board can have as a block device: /dev/mtd0,
// /dev/ubi0_0, /dev/ttyS0.
func (t Target) Check() error { return flash.Target(t).CheckDevice() }

// String names the device, or the partition of it.
func (t Target) String() string { return flash.Target(t).String() }
