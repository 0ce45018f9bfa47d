package transport

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/engine/input"
)

// PortInfo is a serial port of the station. It is plain data: safe for concurrent use while nothing changes it.
type PortInfo struct {
	Name         string `json:"name"`             // the best name to open it with
	Device       string `json:"device"`           // the kernel's present name
	Driver       string `json:"driver,omitempty"` // of the kernel
	USB          string `json:"usb,omitempty"`    // vendor:product, hexadecimal; this and the next three are the adapter's descriptors
	Serial       string `json:"serial,omitempty"`
	Manufacturer string `json:"manufacturer,omitempty"`
	Product      string `json:"product,omitempty"`
	Holder       string `json:"holder,omitempty"` // the process that has it open or locked, if it can be seen
}

// Ports returns the serial ports of the station. It opens none: GetPortsList of go.bug.st/serial would open and
// reconfigure every port that it finds, also one in use.
func Ports() []PortInfo { return thisMachine.ports() }

// machine is the file system with /sys, /dev, /proc and /run.
type machine struct{ root string }

func (m machine) path(parts ...string) string { return filepath.Join(m.root, filepath.Join(parts...)) }

// ports returns every tty of sysfs that is a port.
func (m machine) ports() []PortInfo {
	byID := m.byID()
	ports := []PortInfo{}
	drivers, _ := filepath.Glob(m.path("/sys/class/tty/*/device/driver")) // entries without a driver are no ports
	for _, driver := range drivers {
		tty := filepath.Dir(filepath.Dir(driver))
		if readTrimmed(tty, "type") == "0" {
			continue // an 8250 that is not there
		}
		device := "/dev/" + filepath.Base(tty)
		p := PortInfo{Name: device, Device: device, Driver: driverName(driver), Holder: m.holder(device)}
		if name := byID[device]; name != "" {
			p.Name = name
		}
		if usb := usbDevice(filepath.Dir(driver)); usb != "" {
			p.USB = readTrimmed(usb, "idVendor") + ":" + readTrimmed(usb, "idProduct")
			p.Serial, p.Manufacturer, p.Product = readTrimmed(usb, "serial"), readTrimmed(usb, "manufacturer"), readTrimmed(usb, "product")
		}
		ports = append(ports, p)
	}
	return ports
}

// driverName returns the name of the driver to which a link of sysfs points, "" if it is no link.
func driverName(link string) string {
	to, err := os.Readlink(link)
	if err != nil {
		return ""
	}
	return filepath.Base(to)
}

// stableName returns the name of a device that survives a replug, or path if it has none.
func (m machine) stableName(path string) string {
	device, err := filepath.EvalSymlinks(m.path(path))
	if err != nil {
		return path
	}
	return cmp.Or(m.byID()["/dev/"+filepath.Base(device)], path)
}

// byID returns the name of each device that survives a replug.
func (m machine) byID() map[string]string {
	names := map[string]string{}
	links, _ := filepath.Glob(m.path("/dev/serial/by-id/*"))
	for _, link := range links {
		if device, err := filepath.EvalSymlinks(link); err == nil {
			names["/dev/"+filepath.Base(device)] = "/dev/serial/by-id/" + filepath.Base(link)
		}
	}
	return names
}

// usbDevice returns the directory of the USB device above a port in sysfs, "" for a port of another bus.
func usbDevice(port string) string {
	dir, err := filepath.EvalSymlinks(port)
	for ; err == nil && len(dir) > 1; dir = filepath.Dir(dir) {
		if readTrimmed(dir, "idVendor") != "" {
			return dir
		}
	}
	return ""
}

// maxSmallFile is the largest file that readTrimmed reads, in bytes. /proc/locks is the longest one.
const maxSmallFile = 1 << 20

// readTrimmed returns the text of a small file without the line end, "" if it cannot be read.
func readTrimmed(parts ...string) string {
	text, _ := input.Read(filepath.Join(parts...), maxSmallFile)
	return strings.TrimSpace(string(text))
}

// holder returns the process that has a device open, has a flock on it, or has left a lock file; "" if none is
// known. The open files of other users cannot be seen, their locks can.
func (m machine) holder(device string) string {
	for _, find := range []func(string) string{m.openedBy, m.lockedBy, m.uucpHolder} {
		if pid := find(device); pid != "" && pid != strconv.Itoa(os.Getpid()) {
			return m.process(pid)
		}
	}
	return ""
}

// process returns the description of a process for people.
func (m machine) process(pid string) string {
	return fmt.Sprintf("process %s (%s)", pid, readTrimmed(m.path("/proc", pid, "comm")))
}

// openedBy returns the process that has a file open.
func (m machine) openedBy(path string) string {
	fds, _ := filepath.Glob(m.path("/proc/[0-9]*/fd/*"))
	for _, fd := range fds {
		pid := filepath.Base(filepath.Dir(filepath.Dir(fd)))
		if to, err := os.Readlink(fd); err == nil && to == path && pid != strconv.Itoa(os.Getpid()) {
			return pid
		}
	}
	return ""
}

// lockedBy returns the process that has a lock on a file.
func (m machine) lockedBy(path string) string {
	var st unix.Stat_t
	if unix.Stat(m.path(path), &st) != nil {
		return ""
	}
	at := fmt.Sprintf("%02x:%02x:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)), st.Ino)
	for line := range strings.Lines(readTrimmed(m.path("/proc/locks"))) {
		// 1: FLOCK ADVISORY WRITE pid major:minor:inode start end
		if col := strings.Fields(line); len(col) > 5 && col[5] == at && col[4] != "-1" {
			return col[4]
		}
	}
	return ""
}

// lockFile returns the path at which terminal programs look for the lock of a device. Source: the Filesystem
// Hierarchy Standard, 5.9.
func (m machine) lockFile(device string) string {
	return m.path("/run/lock", "LCK.."+filepath.Base(device))
}

// uucpHolder returns the process that the lock file of a device names, if it lives.
func (m machine) uucpHolder(device string) string {
	pid, err := strconv.Atoi(readTrimmed(m.lockFile(device)))
	if err != nil || pid <= 0 {
		return ""
	}
	if _, err := os.Stat(m.path("/proc", strconv.Itoa(pid))); errors.Is(err, os.ErrNotExist) {
		return ""
	}
	return strconv.Itoa(pid)
}
