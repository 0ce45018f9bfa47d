package transport

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/goterm/term"
	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
)

// newTTY returns a pseudo terminal: the adapter's other end, and the path of the port.
func newTTY(t *testing.T) (*term.PTY, string) {
	pty, err := term.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pty.Close() })
	name, err := pty.PTSName()
	if err != nil {
		t.Fatal(err)
	}
	return pty, name
}

func settings(t *testing.T, pty *term.PTY) *unix.Termios {
	mode, err := unix.IoctlGetTermios(int(pty.Master.Fd()), unix.TCGETS2)
	if err != nil {
		t.Fatal(err)
	}
	return mode
}

func TestSerialLine(t *testing.T) {
	for _, tt := range []struct {
		line       Line
		speed      uint32
		set, unset uint32 // of Cflag
		iset       uint32
	}{
		{Line{}, 115200, unix.CS8, unix.PARENB | unix.CSTOPB | unix.CRTSCTS | unix.HUPCL, 0},
		{Line{Baud: 74880}, 74880, unix.CS8, unix.HUPCL, 0},
		{Line{Baud: 9600, Flow: "rtscts"}, 9600, unix.CRTSCTS, unix.HUPCL, 0},
		{Line{Baud: 1_500_000, Flow: "xonxoff", Framing: "8n2"}, 1_500_000, unix.CSTOPB, unix.HUPCL, unix.IXON | unix.IXOFF},
	} {
		pty, name := newTTY(t)
		link := filepath.Join(t.TempDir(), "usb-FTDI_by_id")
		if err := os.Symlink(name, link); err != nil {
			t.Fatal(err)
		}
		p, err := Open(t.Context(), "serial:"+link, tt.line)
		if err != nil {
			t.Fatal(err)
		}
		m := settings(t, pty)
		if m.Ospeed != tt.speed || m.Cflag&tt.set != tt.set || m.Cflag&tt.unset != 0 || m.Iflag&tt.iset != tt.iset {
			t.Errorf("Open(%+v) set speed %d, cflag %o, iflag %o; want %d, %o without %o, %o", tt.line, m.Ospeed, m.Cflag, m.Iflag, tt.speed, tt.set, tt.unset, tt.iset)
		}
		p.Close()
	}
	_, name := newTTY(t)
	for _, bad := range []Line{{Baud: -1}, {Framing: "9N1"}, {Framing: "8X1"}, {Framing: "8N"}, {Flow: "on"}} {
		if _, err := Open(t.Context(), "serial:"+name, bad); classify.Facts(err).Kind != classify.ConfigPolicy {
			t.Errorf("Open(%+v) = %v; want kind %s", bad, err, classify.ConfigPolicy)
		}
	}
}

func TestUnplugIsNotOurOwnClose(t *testing.T) {
	pty, name := newTTY(t)
	p, err := Open(t.Context(), "serial:"+name, Line{})
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	go func() { _, err := p.Read(make([]byte, 1)); read <- err }()
	pty.Slave.Close()
	pty.Master.Close() // the adapter is pulled
	if err := <-read; err == nil || errors.Is(err, os.ErrClosed) {
		t.Errorf("Read() after the unplug = %v; want another error than %v", err, os.ErrClosed)
	}
	p.Close()
	_, name = newTTY(t)
	if p, err = Open(t.Context(), "serial:"+name, Line{}); err != nil {
		t.Fatal(err)
	}
	go func() { _, err := p.Read(make([]byte, 1)); read <- err }()
	p.Close()
	if err := <-read; !errors.Is(err, os.ErrClosed) {
		t.Errorf("Read() after Close() = %v; want %v", err, os.ErrClosed)
	}
}

func TestCloseFreesABlockedWrite(t *testing.T) {
	_, name := newTTY(t) // no process reads at the other end
	p, err := Open(t.Context(), "serial:"+name, Line{})
	if err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	go func() { _, err := io.WriteString(p, strings.Repeat("x", 1<<20)); wrote <- err }()
	p.Close()
	if err := <-wrote; err == nil {
		t.Error("Write() of 1 MiB to a port without a reader = nil; want an error")
	}
}

// TestSerialBusy: a port that another program has locked is in use, by flock or by a lock file.
func TestSerialBusy(t *testing.T) {
	_, name := newTTY(t)
	open := func() error {
		p, err := Open(t.Context(), "serial:"+name, Line{})
		if err == nil {
			p.Close()
		}
		return err
	}
	// A program that uses flock, as tio and picocom do.
	cmd := exec.Command("flock", name, "sh", "-c", "echo held; read wait")
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Skipf("LEFT OUT: %v", err)
	}
	io.ReadFull(out, make([]byte, 5))
	if err := open(); classify.Facts(err).Kind != classify.TransportBusy || !strings.Contains(err.Error(), "in use by process") {
		t.Errorf("Open() with a flock = %v; want kind %s and the holder", err, classify.TransportBusy)
	}
	in.Close()
	cmd.Wait()
	if err := open(); err != nil {
		t.Errorf("Open() after the flock = %v; want nil", err)
	}
	// A program with a lock file, first running, then not.
	lock := "/run/lock/LCK.." + filepath.Base(name)
	if err := os.WriteFile(lock, fmt.Appendf(nil, "%10d\n", os.Getppid()), 0o644); err != nil {
		t.Skipf("LEFT OUT: %v", err)
	}
	if err := open(); classify.Facts(err).Kind != classify.TransportBusy || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getppid())) {
		t.Errorf("Open() with a lock file = %v; want kind %s and the holder", err, classify.TransportBusy)
	}
	os.WriteFile(lock, []byte("   4194304\n"), 0o644)
	if err := open(); err != nil {
		t.Errorf("Open() with a stale lock file = %v; want nil", err)
	}
	if _, err := os.Stat(lock); err == nil {
		t.Error("the lock file exists after Close(); want it removed")
	}
}

func TestSerialErrors(t *testing.T) {
	for path, want := range map[string]classify.Kind{"/dev/ttyUSB99": classify.TransportOpen, "/dev/null": classify.Usage, "/etc/passwd": classify.Usage} {
		_, err := Open(t.Context(), "serial:"+path, Line{})
		if f := classify.Facts(err); f.Kind != want || !strings.HasPrefix(f.Hint, "there is") {
			t.Errorf("Open(%s) = %v of kind %s, hint %q; want kind %s and the list of ports", path, err, f.Kind, f.Hint, want)
		}
	}
}
