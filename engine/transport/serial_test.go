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

// newTTY gives a pseudo terminal: the adapter's other end, and the path of the port.
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
			t.Errorf("%+v: speed %d, cflag %o, iflag %o", tt.line, m.Ospeed, m.Cflag, m.Iflag)
		}
		p.Close()
	}
	_, name := newTTY(t)
	for _, bad := range []Line{{Baud: -1}, {Framing: "9N1"}, {Framing: "8X1"}, {Framing: "8N"}, {Flow: "on"}} {
		if _, err := Open(t.Context(), "serial:"+name, bad); classify.Facts(err).Kind != classify.ConfigPolicy {
			t.Errorf("Open(%+v) = %v", bad, err)
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
		t.Errorf("Read after the unplug = %v", err)
	}
	p.Close()
	_, name = newTTY(t)
	if p, err = Open(t.Context(), "serial:"+name, Line{}); err != nil {
		t.Fatal(err)
	}
	go func() { _, err := p.Read(make([]byte, 1)); read <- err }()
	p.Close()
	if err := <-read; !errors.Is(err, os.ErrClosed) {
		t.Errorf("Read after our Close = %v", err)
	}
}

func TestCloseFreesABlockedWrite(t *testing.T) {
	_, name := newTTY(t) // nobody reads at the other end
	p, err := Open(t.Context(), "serial:"+name, Line{})
	if err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	go func() { _, err := io.WriteString(p, strings.Repeat("x", 1<<20)); wrote <- err }()
	p.Close()
	if err := <-wrote; err == nil {
		t.Error("a megabyte went into a port that nobody reads")
	}
}

// Row 22:
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
		t.Errorf("beside flock: %v", err)
	}
	in.Close()
	cmd.Wait()
	if err := open(); err != nil {
		t.Errorf("after flock has gone: %v", err)
	}
	// A program that left a lock file, first alive, then not.
	lock := "/run/lock/LCK.." + filepath.Base(name)
	if err := os.WriteFile(lock, fmt.Appendf(nil, "%10d\n", os.Getppid()), 0o644); err != nil {
		t.Skipf("LEFT OUT: %v", err)
	}
	if err := open(); classify.Facts(err).Kind != classify.TransportBusy || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getppid())) {
		t.Errorf("beside a lock file: %v", err)
	}
	os.WriteFile(lock, []byte("   4194304\n"), 0o644)
	if err := open(); err != nil {
		t.Errorf("beside a stale lock file: %v", err)
	}
	if _, err := os.Stat(lock); err == nil {
		t.Error("the lock file stays after Close")
	}
}

func TestSerialErrors(t *testing.T) {
	for path, want := range map[string]classify.Kind{"/dev/ttyUSB99": classify.TransportOpen, "/dev/null": classify.Usage, "/etc/passwd": classify.Usage} {
		_, err := Open(t.Context(), "serial:"+path, Line{})
		if f := classify.Facts(err); f.Kind != want || !strings.HasPrefix(f.Hint, "there is") {
			t.Errorf("Open(%s) = %v of kind %s, hint %q; want %s", path, err, f.Kind, f.Hint, want)
		}
	}
}
