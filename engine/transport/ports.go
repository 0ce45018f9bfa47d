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

// PortInfo is a serial port of this machine. Plain data: safe for concurrent use while nothing changes it.
type PortInfo struct {
	Name         string `json:"name"`          // under which it is best opened
	Device       string `json:"device"`        // as the kernel calls it now
	USB          string `json:"usb,omitempty"` // vendor:product, hexadecimal; the rest is what the adapter says of itself
	Serial       string `json:"serial,omitempty"`
	Manufacturer string `json:"manufacturer,omitempty"`
	Product      string `json:"product,omitempty"`
	Holder       string `json:"holder,omitempty"` // who has it open or locked, as far as can be seen
}

// Ports gives the serial ports of this machine. None is opened: GetPortsList of the library would open and reconfigure
// every port that it finds, also one in use.
func Ports() []PortInfo { return thisMachine.ports() }

// machine is where /sys, /dev, /proc and /run lie.
type machine struct{ root string }

func (m machine) path(parts ...string) string { return filepath.Join(m.root, filepath.Join(parts...)) }

// ports looks at every tty of sysfs that is a port.
func (m machine) ports() []PortInfo {
	byID := m.byID()
	ports := []PortInfo{}
	drivers, _ := filepath.Glob(m.path("/sys/class/tty/*/device/driver")) // a port without a driver is none
	for _, driver := range drivers {
		tty := filepath.Dir(filepath.Dir(driver))
		if read(tty, "type") == "0" {
			continue // an 8250 that was probed and not found
		}
		device := "/dev/" + filepath.Base(tty)
		p := PortInfo{Name: device, Device: device, Holder: m.holder(device)}
		if name := byID[device]; name != "" {
			p.Name = name
		}
		if usb := usbDevice(filepath.Dir(driver)); usb != "" {
			p.USB = read(usb, "idVendor") + ":" + read(usb, "idProduct")
			p.Serial, p.Manufacturer, p.Product = read(usb, "serial"), read(usb, "manufacturer"), read(usb, "product")
		}
		ports = append(ports, p)
	}
	return ports
}

// lasting gives the name of a device that survives a replug, its own if it has none.
func (m machine) lasting(path string) string {
	device, err := filepath.EvalSymlinks(m.path(path))
	if err != nil {
		return path
	}
	return cmp.Or(m.byID()["/dev/"+filepath.Base(device)], path)
}

// byID gives the name of each device that survives a replug.
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

// usbDevice finds the USB device above a port in sysfs, "" for a port that hangs on none.
func usbDevice(port string) string {
	dir, err := filepath.EvalSymlinks(port)
	for ; err == nil && len(dir) > 1; dir = filepath.Dir(dir) {
		if read(dir, "idVendor") != "" {
			return dir
		}
	}
	return ""
}

// maxFact is the largest file that read takes: /proc/locks is the longest one.
const maxFact = 1 << 20

// read gives a small file without the line end, "" if there is none.
func read(parts ...string) string {
	text, _ := input.Read(filepath.Join(parts...), maxFact)
	return strings.TrimSpace(string(text))
}

// holder names the process that has a device open, has a flock on it, or has left a lock file. Other users' open files
// cannot be seen, their locks can.
func (m machine) holder(device string) string {
	for _, find := range []func(string) string{m.opener, m.locker, m.uucpHolder} {
		if pid := find(device); pid != "" && pid != strconv.Itoa(os.Getpid()) {
			return m.process(pid)
		}
	}
	return ""
}

func (m machine) process(pid string) string {
	return fmt.Sprintf("process %s (%s)", pid, read(m.path("/proc", pid, "comm")))
}

// opener gives the process that has a file open.
func (m machine) opener(path string) string {
	fds, _ := filepath.Glob(m.path("/proc/[0-9]*/fd/*"))
	for _, fd := range fds {
		pid := filepath.Base(filepath.Dir(filepath.Dir(fd)))
		if to, err := os.Readlink(fd); err == nil && to == path && pid != strconv.Itoa(os.Getpid()) {
			return pid
		}
	}
	return ""
}

// locker gives the process that has a lock on a file.
func (m machine) locker(path string) string {
	var st unix.Stat_t
	if unix.Stat(m.path(path), &st) != nil {
		return ""
	}
	at := fmt.Sprintf("%02x:%02x:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)), st.Ino)
	for line := range strings.Lines(read(m.path("/proc/locks"))) {
		// 1: FLOCK ADVISORY WRITE pid major:minor:inode start end
		if col := strings.Fields(line); len(col) > 5 && col[5] == at && col[4] != "-1" {
			return col[4]
		}
	}
	return ""
}

// lockFile is where terminal programs look for the lock of a device. Source: the Filesystem Hierarchy Standard, 5.9.
func (m machine) lockFile(device string) string {
	return m.path("/run/lock", "LCK.."+filepath.Base(device))
}

// uucpHolder gives the process whose lock file there is, if it lives.
func (m machine) uucpHolder(device string) string {
	pid, err := strconv.Atoi(read(m.lockFile(device)))
	if err != nil || pid <= 0 {
		return ""
	}
	if _, err := os.Stat(m.path("/proc", strconv.Itoa(pid))); errors.Is(err, os.ErrNotExist) {
		return ""
	}
	return strconv.Itoa(pid)
}
