// Package usbdisk finds the disks that are connected to the station by USB.
//
// It owns what identifies such a disk: the place in the tree of hubs, and the serial number. It opens no disk, and must
// not know why one is looked for.
package usbdisk

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// Disk is a disk that is connected by USB. Plain data: safe for concurrent use while nothing changes it.
type Disk struct {
	Device     string            // "/dev/sdb"
	USB        string            // the place as the kernel names it: bus 1, port 1, port 2 of the hub there is "1-1.2"
	Serial     string            // of the USB device; "" if it has none
	Model      string            // vendor and model, for people
	Size       int64             // bytes
	Partitions map[string]string // devices by GPT label; "" for a label that several partitions have

	// Simulated marks the disk of a simulated board, a file of Size bytes that Open opens: every Choice matches it.
	Simulated bool
	Open      func() (*os.File, error)
}

// Gadget reports whether the disk is one that a U-Boot exposes. Source: U-Boot, cmd/usb_mass_storage.c and
// drivers/usb/gadget/f_mass_storage.c.
func (d Disk) Gadget() bool { return d.Simulated || strings.Contains(d.Model, "UMS disk") }

// String returns the disk for people.
func (d Disk) String() string {
	if d.Simulated {
		return d.Device + " of a simulated board"
	}
	text := fmt.Sprintf("%s at USB %s", d.Device, cmp.Or(d.USB, "unknown"))
	if d.Serial != "" {
		text += ", serial number " + d.Serial
	}
	if d.Model != "" {
		text += " (" + d.Model + ")"
	}
	return text
}

// Same reports whether d and x are one disk, seen at two times without a break.
func (d Disk) Same(x Disk) bool {
	return d.Device == x.Device && d.USB == x.USB && d.Serial == x.Serial
}

// Choice identifies a disk. Fields that are not empty must match. Plain data: safe for concurrent use.
type Choice struct {
	USB    string // as in Disk
	Serial string
}

// place matches the place of a USB device. Source: Linux, Documentation/driver-api/usb/usb.rst.
var place = regexp.MustCompile(`^\d+-\d+(?:\.\d+)*$`)

// Check returns an error for a Choice that no disk can match.
func (c Choice) Check() error {
	if c.USB != "" && !place.MatchString(c.USB) {
		return classify.WithHint(classify.New(classify.ScriptArgument, "option usb must be the place of a USB device, such as \"1-1.2\", not %q", c.USB),
			"the kernel prints it when the device appears, `usb 1-1.2: new high-speed USB device`; ls /sys/bus/usb/devices lists all")
	}
	return nil
}

// IsZero reports whether c identifies no disk.
func (c Choice) IsZero() bool { return c == Choice{} }

// Of returns the disks that match.
func (c Choice) Of(all []Disk) (found []Disk) {
	for _, d := range all {
		if d.Simulated || (c.USB == "" || c.USB == d.USB) && (c.Serial == "" || c.Serial == d.Serial) {
			found = append(found, d)
		}
	}
	return found
}

// String returns the choice for people.
func (c Choice) String() string {
	switch {
	case c.IsZero():
		return "that U-Boot exposes"
	case c.Serial == "":
		return "at USB " + c.USB
	case c.USB == "":
		return "with the serial number " + c.Serial
	}
	return "at USB " + c.USB + " with the serial number " + c.Serial
}
