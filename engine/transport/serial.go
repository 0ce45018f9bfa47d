package transport

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
)

func init() {
	Register("serial", "serial:/dev/ttyUSB0", openSerial)
}

// StableName returns the specification with which the port that spec names is found again after its adapter was
// unplugged and has another number. It must be called while the port exists.
func StableName(spec string) string {
	spec = WithScheme(spec)
	if path, is := strings.CutPrefix(spec, "serial:"); is {
		return "serial:" + thisMachine.stableName(path)
	}
	return spec
}

// tty is a serial port. Bytes go through the file, which can be closed during a blocked Read or Write; speed and
// modem lines go through go.bug.st/serial, whose own Write cannot be ended.
type tty struct {
	*os.File
	ctl  serial.Port
	lock uucpLock
	once sync.Once

	mu   sync.Mutex // mu guards line
	line Line       // as it is set up
}

// openSerial opens a serial port, by any of its names, without resetting the board: DTR and RTS stay as the kernel
// has them, and closing does not drop them.
func openSerial(_ context.Context, path string, line Line) (Port, error) {
	mode, err := line.mode()
	if err != nil {
		return nil, err
	}
	if err := checkSerialSupport(); err != nil {
		return nil, err
	}
	device, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, classify.WithHint(err, "there is %s", list(serialNames()))
	}
	lock, err := takeUUCPLock(device)
	if err != nil {
		return nil, err
	}
	// The file first: after serial.Open the port is exclusive.
	f, err := os.OpenFile(device, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		lock.release()
		switch {
		case errors.Is(err, unix.EBUSY):
			err = errBusy("serial:"+device, holderName(device))
		case errors.Is(err, os.ErrPermission):
			err = classify.WithHint(err, "add yourself to the group that owns %s, often dialout, and log in again", device)
		}
		return nil, err
	}
	t := &tty{File: f, lock: lock, line: line}
	if err := t.acquire(device); err != nil {
		t.Close()
		return nil, err
	}
	if t.ctl, err = serial.Open(device, mode); err != nil {
		t.Close()
		var refused *serial.PortError
		if errors.As(err, &refused) && refused.Code() == serial.PortBusy {
			return nil, errBusy("serial:"+device, holderName(device))
		}
		return nil, fmt.Errorf("%s: %w", device, err)
	}
	if err := t.configure(line); err != nil {
		t.Close()
		return nil, fmt.Errorf("%s: %w", device, err)
	}
	return t, nil
}

// acquire makes sure that no other process has the port. Root is not stopped by the kernel's exclusive mode, so
// acquire asks for that mode itself.
func (t *tty) acquire(device string) error {
	return t.control(func(fd int) error {
		if !isTerminal(fd) {
			return classify.WithHint(classify.New(classify.Usage, "%s is not a serial port", device), "there is %s", list(serialNames()))
		}
		if isExclusive(fd) || unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) != nil {
			return errBusy("serial:"+device, holderName(device))
		}
		return nil
	})
}

// control calls f with the descriptor. File.Fd would make it blocking, and then a blocked Read could not be ended.
func (t *tty) control(f func(fd int) error) error {
	conn, err := t.SyscallConn()
	if err != nil {
		return err
	}
	var ferr error
	if err := conn.Control(func(fd uintptr) { ferr = f(int(fd)) }); err != nil {
		return err
	}
	return ferr
}

// configure sets what the library has no option for: flow control, and that closing leaves DTR and RTS alone. A
// pseudo terminal is not made exclusive: there the mode outlives a killed process for as long as the other end is
// open.
func (t *tty) configure(line Line) error {
	return t.control(func(fd int) error {
		if strings.HasPrefix(t.Name(), "/dev/pts/") {
			clearExclusive(fd)
		}
		return configureTerminal(fd, line.Flow)
	})
}

// Close ends a blocked Read and Write, and then closes the port.
func (t *tty) Close() error {
	err := os.ErrClosed
	t.once.Do(func() {
		err = t.File.Close()
		if t.ctl != nil {
			t.ctl.Close()
		}
		t.lock.release()
	})
	return err
}

// mode returns the line as the library wants it. Framing is data bits, parity and stop bits, "8N1".
func (l Line) mode() (*serial.Mode, error) {
	bad := func(what string, v any) error {
		return classify.WithHint(classify.New(classify.ConfigPolicy, "console.%s cannot be %v", what, v),
			`baud is a number, framing like "8N1", flow "none", "rtscts" or "xonxoff"`)
	}
	m := &serial.Mode{BaudRate: l.Baud, DataBits: 8}
	if l.Baud == 0 {
		m.BaudRate = DefaultBaud
	}
	if m.BaudRate < 0 {
		return nil, bad("baud", l.Baud)
	}
	framing := strings.ToUpper(l.Framing)
	if framing == "" {
		framing = "8N1"
	}
	if len(framing) != 3 || framing[0] < '5' || framing[0] > '8' {
		return nil, bad("framing", l.Framing)
	}
	parity, ok1 := map[byte]serial.Parity{'N': serial.NoParity, 'E': serial.EvenParity, 'O': serial.OddParity, 'M': serial.MarkParity, 'S': serial.SpaceParity}[framing[1]]
	stop, ok2 := map[byte]serial.StopBits{'1': serial.OneStopBit, '2': serial.TwoStopBits}[framing[2]]
	if !ok1 || !ok2 {
		return nil, bad("framing", l.Framing)
	}
	m.DataBits, m.Parity, m.StopBits = int(framing[0]-'0'), parity, stop
	if l.Flow != "" && l.Flow != "none" && l.Flow != "rtscts" && l.Flow != "xonxoff" {
		return nil, bad("flow", l.Flow)
	}
	return m, nil
}

// thisMachine is the machine that flashlua runs on.
var thisMachine = machine{"/"}

func serialNames() []string {
	var names []string
	for _, p := range Ports() {
		names = append(names, p.Name)
	}
	return names
}

func list(names []string) string {
	if len(names) == 0 {
		return "no serial port on this machine"
	}
	return strings.Join(names, ", ")
}

// holderName returns the process that has a device, or "another program" if it cannot be seen.
func holderName(device string) string {
	if holder := thisMachine.holder(device); holder != "" {
		return holder
	}
	return "another program"
}
