package engine

import (
	"github.com/flashlua/flashlua/engine/internal/flash"
	"github.com/flashlua/flashlua/engine/internal/usbdisk"
)

// USBDisk is a disk that is connected to the station by USB. Plain data: safe for concurrent use while nothing
// changes it.
type USBDisk = usbdisk.Disk

// partitionOf returns the device of a target on a disk: that of the partition with its label, or the disk's. It is
// not ok if there is no such partition, or more than one.
func partitionOf(d usbdisk.Disk, t flash.Target) (device string, ok bool) {
	if t.Part == "" {
		return d.Device, true
	}
	device = d.Partitions[t.Part]
	return device, device != ""
}
