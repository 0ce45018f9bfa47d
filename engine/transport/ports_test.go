package transport

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// tree creates files below a root. A name that ends in a slash is a directory, a text that begins with -> a link.
func tree(t *testing.T, files map[string]string) machine {
	t.Helper()
	m := machine{t.TempDir()}
	for name, text := range files {
		path := m.path(name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		to, link := strings.CutPrefix(text, "->")
		var err error
		switch {
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		case link:
			err = os.Symlink(to, path)
		default:
			err = os.WriteFile(path, []byte(text+"\n"), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return m
}

const (
	adapter = "/sys/devices/pci/usb1/1-2"
	uart    = "/sys/devices/platform/serial8250"
)

func TestPorts(t *testing.T) {
	m := tree(t, map[string]string{
		// A USB adapter with a name by id, held by a program that has it open.
		adapter + "/idVendor":                         "0403",
		adapter + "/idProduct":                        "6001",
		adapter + "/serial":                           "A6008isP",
		adapter + "/manufacturer":                     "FTDI",
		adapter + "/product":                          "FT232R USB UART",
		adapter + "/1-2:1.0/ttyUSB0/driver":           "->/sys/bus/usb-serial/drivers/ftdi_sio",
		"/sys/bus/usb-serial/drivers/ftdi_sio/":       "",
		"/sys/class/tty/ttyUSB0/device":               "->../../../devices/pci/usb1/1-2/1-2:1.0/ttyUSB0",
		"/dev/ttyUSB0":                                "",
		"/dev/serial/by-id/usb-FTDI_FT232R-if00-port": "->../../ttyUSB0",
		"/proc/41/fd/0":                               "->/dev/null",
		"/proc/42/fd/7":                               "->/dev/ttyUSB0",
		"/proc/42/comm":                               "picocom",
		// An adapter without descriptors, with the lock file of a program that runs.
		"/sys/devices/pci/usb1/1-3/idVendor":                "1a86",
		"/sys/devices/pci/usb1/1-3/idProduct":               "7523",
		"/sys/devices/pci/usb1/1-3/1-3:1.0/ttyUSB1/driver/": "",
		"/sys/class/tty/ttyUSB1/device":                     "->../../../devices/pci/usb1/1-3/1-3:1.0/ttyUSB1",
		"/run/lock/LCK..ttyUSB1":                            "        43",
		"/proc/43/comm":                                     "minicom",
		// An UART of the machine itself, with a stale lock file; one that was probed and not found; a virtual
		// terminal.
		uart + "/driver/":             "",
		"/sys/class/tty/ttyS0/type":   "4",
		"/sys/class/tty/ttyS0/device": "->../../../devices/platform/serial8250",
		"/run/lock/LCK..ttyS0":        "        99",
		"/sys/class/tty/ttyS1/type":   "0",
		"/sys/class/tty/ttyS1/device": "->../../../devices/platform/serial8250",
		"/sys/class/tty/tty1/dev":     "4:1",
	})
	want := []PortInfo{
		{Name: "/dev/ttyS0", Device: "/dev/ttyS0"},
		{
			Name: "/dev/serial/by-id/usb-FTDI_FT232R-if00-port", Device: "/dev/ttyUSB0", Driver: "ftdi_sio", USB: "0403:6001",
			Serial: "A6008isP", Manufacturer: "FTDI", Product: "FT232R USB UART", Holder: "process 42 (picocom)",
		},
		{Name: "/dev/ttyUSB1", Device: "/dev/ttyUSB1", USB: "1a86:7523", Holder: "process 43 (minicom)"},
	}
	if got := m.ports(); !slices.Equal(got, want) {
		t.Errorf("ports() = %+v; want %+v", got, want)
	}
	if got := tree(t, nil).ports(); got == nil || len(got) != 0 { // [] in JSON
		t.Errorf("ports() of an empty machine = %+v; want an empty list", got)
	}
}

// TestStableName: a port is found again by the name that its adapter keeps.
func TestStableName(t *testing.T) {
	m := tree(t, map[string]string{
		"/dev/ttyUSB0": "", "/dev/ttyUSB1": "", "/dev/console0": "->ttyUSB0",
		"/dev/serial/by-id/usb-FTDI-if00": "->../../ttyUSB0",
	})
	for path, want := range map[string]string{
		"/dev/ttyUSB0": "/dev/serial/by-id/usb-FTDI-if00", "/dev/console0": "/dev/serial/by-id/usb-FTDI-if00",
		"/dev/serial/by-id/usb-FTDI-if00": "/dev/serial/by-id/usb-FTDI-if00", "/dev/ttyUSB1": "/dev/ttyUSB1", "/dev/none": "/dev/none",
	} {
		if got := m.stableName(path); got != want {
			t.Errorf("stableName(%s) = %s; want %s", path, got, want)
		}
	}
	if got := StableName("tcp:lab:4001"); got != "tcp:lab:4001" {
		t.Errorf("StableName(tcp:lab:4001) = %s; want tcp:lab:4001", got)
	}
}

// TestALockFileThatIsAFIFO: any user may put anything into the directory of lock files.
func TestALockFileThatIsAFIFO(t *testing.T) {
	m := tree(t, map[string]string{"/dev/ttyUSB0": "", "/run/lock/": ""})
	path := m.lockFile("/dev/ttyUSB0")
	if err := unix.Mkfifo(path, 0o666); err != nil {
		t.Fatal(err)
	}
	silent, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if got := m.holder("/dev/ttyUSB0"); got != "" {
		t.Errorf("holder() with a FIFO for a lock file = %q; want none", got)
	}
}

// TestHolderByLock: the open files of another user cannot be seen, its locks can.
func TestHolderByLock(t *testing.T) {
	m := tree(t, map[string]string{"/dev/ttyUSB0": "", "/proc/77/comm": "tio"})
	var st unix.Stat_t
	if err := unix.Stat(m.path("/dev/ttyUSB0"), &st); err != nil {
		t.Fatal(err)
	}
	locks := "1: POSIX  ADVISORY  WRITE 76 00:01:1 0 EOF\n2: FLOCK  ADVISORY  WRITE %d %02x:%02x:%d 0 EOF\n"
	for pid, want := range map[int]string{77: "process 77 (tio)", -1: ""} {
		text := fmt.Appendf(nil, locks, pid, unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)
		if err := os.WriteFile(m.path("/proc/locks"), text, 0o644); err != nil {
			t.Fatal(err)
		}
		if got := m.holder("/dev/ttyUSB0"); got != want {
			t.Errorf("holder() with a lock of process %d = %q; want %q", pid, got, want)
		}
	}
}
