package transport

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/goterm/term"
	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
)

// program returns the path of a program that `make test-deps` installs, or skips the test.
func program(t *testing.T, name string) string {
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(path); err == nil {
			return path
		}
	}
	if os.Getenv("FLASHLUA_REQUIRE_QEMU") == "1" {
		t.Fatalf("LookPath(%s) finds nothing; want the program, see `make test-deps`", name)
	}
	t.Skipf("LEFT OUT: there is no %s; as root `make test-deps` installs it", name)
	return ""
}

// server is a ser2net with an echo on a pseudo terminal.
type server struct {
	pty     *term.PTY
	address string
	log     *bytes.Buffer
	ended   chan struct{}
}

// ser2net runs Debian's ser2net with an accepter, for instance "telnet,".
func ser2net(t *testing.T, accepter string) *server {
	path := program(t, "ser2net")
	pty, name := newTTY(t)
	go io.Copy(pty.Master, pty.Master)
	s := &server{pty: pty, address: freeAddress(t), log: new(bytes.Buffer), ended: make(chan struct{})}
	host, port, _ := net.SplitHostPort(s.address)
	config := filepath.Join(t.TempDir(), "ser2net.yaml")
	text := fmt.Sprintf("%%YAML 1.1\n---\nconnection: &board\n  accepter: %stcp(nodelay),%s,%s\n  connector: serialdev,%s,115200n81,local\n", accepter, host, port, name)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-n", "-d", "-u", "-c", config)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // it ends with the test process
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the signal comes when the thread that started the process ends
		started <- cmd.Start()
		cmd.Wait()
		close(s.ended)
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-s.ended
	})
	return s
}

// freeAddress returns an address on which nothing listens. The host is this process's own, so that no other
// process takes the port meanwhile.
func freeAddress(t *testing.T) string {
	pid := os.Getpid()
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+pid>>16, pid>>8&255, pid&255))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// open opens the port of ser2net as soon as it listens.
func (s *server) open(t *testing.T, scheme string, line Line) Port {
	for {
		p, err := Open(t.Context(), scheme+":"+s.address, line)
		if err == nil {
			t.Cleanup(func() { p.Close() })
			return p
		}
		if !strings.Contains(err.Error(), "connection refused") {
			t.Fatal(err)
		}
		select {
		case <-s.ended:
			t.Fatalf("ser2net ended: %s; want it to serve", s.log)
		default:
		}
	}
}

func TestConformanceOfSer2net(t *testing.T) {
	for scheme, accepter := range map[string]string{"tcp": "", "telnet": "telnet,", "rfc2217": "telnet(rfc2217),"} {
		t.Run(scheme, func(t *testing.T) {
			s := ser2net(t, accepter)
			conforms(t, scheme+":"+s.address, s.open(t, scheme, Line{}))
		})
	}
}

func TestConformanceOfSocat(t *testing.T) {
	pty, name := newTTY(t)
	go io.Copy(pty.Master, pty.Master)
	spec := "exec:" + program(t, "socat") + " - " + name + ",rawer"
	p, err := Open(t.Context(), spec, Line{})
	if err != nil {
		t.Fatal(err)
	}
	conforms(t, spec, p)
}

// TestSer2netSetsTheLine checks the terminal of ser2net. A pseudo terminal always has 8 data bits and no parity.
func TestSer2netSetsTheLine(t *testing.T) {
	for _, tt := range []struct {
		line       Line
		speed      uint32
		set, unset uint32 // of Cflag
		iset       uint32
	}{
		{Line{}, 115200, 0, unix.CSTOPB | unix.CRTSCTS, 0},
		{Line{Baud: 9600, Flow: "rtscts"}, 9600, unix.CRTSCTS, unix.CSTOPB, 0},
		{Line{Baud: 1_500_000, Flow: "xonxoff", Framing: "8N2"}, 1_500_000, unix.CSTOPB, unix.CRTSCTS, unix.IXON | unix.IXOFF},
	} {
		s := ser2net(t, "telnet(rfc2217),")
		p := s.open(t, "rfc2217", tt.line)
		m := settings(t, s.pty)
		if m.Ospeed != tt.speed || m.Cflag&tt.set != tt.set || m.Cflag&tt.unset != 0 || m.Iflag&tt.iset != tt.iset {
			t.Errorf("Open(%+v) set speed %d, cflag %o, iflag %o; want %d, %o without %o, %o", tt.line, m.Ospeed, m.Cflag, m.Iflag, tt.speed, tt.set, tt.unset, tt.iset)
		}
		p.Close()
	}
}

func TestSer2netWithoutTheOption(t *testing.T) {
	s := ser2net(t, "telnet,")
	s.open(t, "telnet", Line{}).Close()
	_, err := Open(t.Context(), "rfc2217:"+s.address, Line{})
	f := classify.Facts(err)
	if f.Kind != classify.TransportLine || !strings.Contains(fmt.Sprint(err), "refuses RFC 2217's COM-PORT option") || !strings.HasPrefix(f.Hint, "telnet:"+s.address) {
		t.Errorf("Open() = %v of kind %s, hint %q; want kind %s and the hint to use telnet:", err, f.Kind, f.Hint, classify.TransportLine)
	}
}

func TestSer2netWithAnotherClient(t *testing.T) {
	for scheme, accepter := range map[string]string{"tcp": "", "telnet": "telnet,", "rfc2217": "telnet(rfc2217),"} {
		t.Run(scheme, func(t *testing.T) {
			s := ser2net(t, accepter)
			held := s.open(t, scheme, Line{})
			lock := held.(*probedPort).lock
			lock.release() // the other client is on another machine
			_, err := Open(t.Context(), scheme+":"+s.address, Line{})
			f := classify.Facts(err)
			if f.Kind != classify.TransportBusy || !strings.HasSuffix(fmt.Sprint(err), "the server hung up at once: Port already in use") || !strings.Contains(f.Hint, "one client at a time") {
				t.Errorf("Open() = %v of kind %s, hint %q; want kind %s with the server's message", err, f.Kind, f.Hint, classify.TransportBusy)
			}
			held.Close()
			reopen(t, scheme+":"+s.address).Close()
		})
	}
}
