package engine

import "github.com/flashlua/flashlua/engine/internal/flash"

// Target is where an image goes, as a policy names it: a device of the board, or an address on the board's bus.
// Plain data: safe for concurrent use while nothing changes it.
type Target struct {
	Name  string
	Path  string // of a block device on the board, /dev/mmcblk0; or
	Sysfs string // what the path of the device's directory in /sys contains, the address of its controller
	Part  string // GPT label of a partition in it; "" is the whole device

	ClearForceRO bool // an eMMC's boot partition is made writable for the time of the write
}

// String names the device, or the partition of it.
func (t Target) String() string { return flash.Target(t).String() }
