package usbdisk

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/flashlua/flashlua/engine/input"
)

// Sysfs is the directory in which the kernel describes the devices of the station, "/sys".
type Sysfs string

// maxFact is the largest file of sysfs that is read, in bytes.
const maxFact = 64 << 10

// Disks returns the disks that are connected by USB and have a medium, sorted by device. A station without block
// devices has none.
func (s Sysfs) Disks() ([]Disk, error) {
	entries, err := os.ReadDir(filepath.Join(string(s), "block"))
	if os.IsNotExist(err) {
		return nil, nil
	}
	var all []Disk
	for _, e := range entries {
		dir, err := filepath.EvalSymlinks(filepath.Join(string(s), "block", e.Name()))
		if err != nil { // it is gone
			continue
		}
		if usb := deviceAbove(dir); usb != "" {
			if d := describe(dir, usb); d.Size > 0 {
				all = append(all, d)
			}
		}
	}
	slices.SortFunc(all, func(a, b Disk) int { return strings.Compare(a.Device, b.Device) })
	return all, err
}

// deviceAbove returns the directory of the USB device that a disk belongs to, "" if it belongs to none.
func deviceAbove(dir string) string {
	for ; dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		if place.MatchString(filepath.Base(dir)) {
			return dir
		}
	}
	return ""
}

func describe(dir, usb string) Disk {
	sectors, _ := strconv.ParseInt(fact(dir, "size"), 10, 64)
	d := Disk{
		Device: "/dev/" + filepath.Base(dir), USB: filepath.Base(usb), Serial: fact(usb, "serial"), Size: sectors * 512,
		Model: strings.Join(strings.Fields(fact(dir, "device/vendor")+" "+fact(dir, "device/model")), " "),
	}
	numbers, _ := filepath.Glob(filepath.Join(dir, "*/partition"))
	for _, number := range numbers {
		part := filepath.Dir(number)
		if label := label(part); label != "" {
			if d.Partitions == nil {
				d.Partitions = map[string]string{}
			}
			device := "/dev/" + filepath.Base(part)
			if _, twice := d.Partitions[label]; twice {
				device = ""
			}
			d.Partitions[label] = device
		}
	}
	return d
}

// label returns the GPT label of a partition, "" if it has none.
func label(part string) string {
	for line := range strings.Lines(fact(part, "uevent")) {
		if name, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "PARTNAME="); ok {
			return name
		}
	}
	return ""
}

func fact(dir, name string) string {
	text, _ := input.Read(filepath.Join(dir, name), maxFact)
	return strings.TrimSpace(string(text))
}
