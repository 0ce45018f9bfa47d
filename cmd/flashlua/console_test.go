package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	pty "github.com/google/goterm/term"
	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/engine/transport"
)

// screen collects output. It is safe for concurrent use.
type screen struct {
	mu    sync.Mutex // guards the buffer
	buf   bytes.Buffer
	wrote chan struct{} // receives after each write; may be nil
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf.Write(p)
	if s.wrote != nil {
		s.wrote <- struct{}{}
	}
	return len(p), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// desk is a user at a terminal, and a board whose console is a TCP server.
type desk struct {
	t        *testing.T
	person   *os.File // the user's end of the terminal
	terminal *os.File
	before   *unix.Termios
	listener net.Listener
	signals  chan os.Signal
	out, err screen
	env      Env
}

func newDesk(t *testing.T) *desk {
	p, err := pty.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(); l.Close() })
	d := &desk{t: t, person: p.Master, terminal: p.Slave, listener: l, signals: make(chan os.Signal, 1)}
	d.out.wrote = make(chan struct{}, 99)
	d.before = d.mode()
	d.env = Env{
		Args: []string{"flashlua", "console", "--port", "tcp:" + l.Addr().String()}, Stdin: p.Slave, Stdout: &d.out, Stderr: &d.err,
		Signals: func() (<-chan os.Signal, func()) { return d.signals, func() {} },
		Ports:   func() []transport.PortInfo { return nil },
		Getenv:  func(string) string { return "" }, Terminal: func(io.Writer) int { return 0 },
	}
	return d
}

func (d *desk) mode() *unix.Termios {
	m, err := unix.IoctlGetTermios(int(d.terminal.Fd()), unix.TCGETS)
	if err != nil {
		d.t.Fatal(err)
	}
	return m
}

// start runs the command and returns the board's end of the console.
func (d *desk) start() (board net.Conn, code chan int) {
	code = make(chan int, 1)
	go func() { code <- d.env.run() }()
	board, err := d.listener.Accept()
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { board.Close() })
	return board, code
}

// greet sends board output and waits until it is shown. The terminal is in raw mode then.
func (d *desk) greet(board io.Writer) {
	io.WriteString(board, "early\r\n")
	<-d.out.wrote
}

// ends checks the exit code and the standard error, and that the terminal has its former mode.
func (d *desk) ends(code chan int, want int, stderr ...string) {
	d.t.Helper()
	if got := <-code; got != want {
		d.t.Errorf("exit %d; want %d\n%s", got, want, &d.err)
	}
	if m := d.mode(); *m != *d.before {
		d.t.Errorf("terminal mode = %+v; want %+v", m, d.before)
	}
	for _, text := range stderr {
		if !strings.Contains(d.err.String(), text) {
			d.t.Errorf("stderr lacks %q:\n%s", text, &d.err)
		}
	}
}

func read(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v; want %q", got[:n], err, want)
	}
}

func TestConsoleOnATerminal(t *testing.T) {
	d := newDesk(t)
	log := filepath.Join(t.TempDir(), "log")
	d.env.Args = append(d.env.Args, "--transcript", log)
	board, code := d.start()
	d.greet(board)
	io.WriteString(d.person, "ls\r")
	read(t, board, "ls\r")
	if m := d.mode(); m.Lflag&(unix.ECHO|unix.ICANON|unix.ISIG) != 0 {
		t.Errorf("the terminal is not raw: %+v", m)
	}
	io.WriteString(d.person, "\x03\x1a\x04") // Ctrl-C, Ctrl-Z and Ctrl-D go to the board
	read(t, board, "\x03\x1a\x04")
	io.WriteString(board, "a\x1b[6nb\xff")
	io.WriteString(d.person, "last\x1dnot sent")
	d.ends(code, 0, "console on "+d.env.Args[3]+"; Ctrl-] quits, Ctrl-^ ? lists the keys\n", "\nconsole closed\n")
	if rest, _ := io.ReadAll(board); string(rest) != "last" {
		t.Errorf("sent to the board after the quit key: %q; want nothing", rest)
	}
	if !strings.HasPrefix(d.out.String(), "early\r\n") {
		t.Errorf("shown: %q", d.out.String())
	}
	if text, err := os.ReadFile(log); err != nil || !strings.Contains(string(text), "< early") || strings.Contains(string(text), "ls") {
		t.Errorf("transcript: %v\n%s", err, text)
	}
}

// dead is an output whose writes return an error or panic.
type dead struct{ f func() error }

func (d dead) Write(p []byte) (int, error) { return 0, d.f() }

func TestConsoleEnds(t *testing.T) {
	t.Run("signal", func(t *testing.T) {
		for signal, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
			d := newDesk(t)
			board, code := d.start()
			d.greet(board)
			d.signals <- signal
			d.ends(code, want, "Error: interrupted by SIG", "target unknown")
		}
	})
	t.Run("lost", func(t *testing.T) {
		d := newDesk(t)
		d.env.Args = append(d.env.Args, "--set", "console.reopen=200ms")
		board, code := d.start()
		d.greet(board) // a server that closes before output is one that cannot be opened
		io.WriteString(board, "last words\r\n")
		d.listener.Close()
		board.Close()
		d.ends(code, 4, "Error: the console was lost while a person used it", "last words", "transport.lost")
		if d.out.String() != "early\r\nlast words\r\n" {
			t.Errorf("shown: %q", d.out.String())
		}
	})
	t.Run("panic", func(t *testing.T) {
		d := newDesk(t)
		d.env.Stdout = dead{func() error { panic("ouch") }}
		board, code := d.start()
		io.WriteString(board, "x")
		d.ends(code, 1, "panic: ouch")
	})
	t.Run("no input", func(t *testing.T) {
		d := newDesk(t)
		folder, err := os.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		d.env.Stdin = folder
		_, code := d.start()
		d.ends(code, 3, "Error: the standard input cannot be read\nCaused by: ", "is a directory")
	})
	t.Run("no reader", func(t *testing.T) {
		d := newDesk(t)
		d.env.Stdout = dead{func() error { return syscall.EPIPE }}
		board, code := d.start()
		io.WriteString(board, "x")
		d.ends(code, 0)
	})
}

func TestConsoleFromAPipe(t *testing.T) {
	d := newDesk(t)
	in, person, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	d.env.Stdin = in
	board, code := d.start()
	io.WriteString(person, "printenv\nlast")
	read(t, board, "printenv\n")
	io.WriteString(board, "a=1\r\n")
	read(t, board, "last")
	person.Close()
	io.WriteString(board, "b=2\r\n=> ")
	d.ends(code, 0)
	if d.out.String() != "a=1\r\nb=2\r\n=> " || d.err.String() != "" {
		t.Errorf("stdout %q, stderr %q", d.out.String(), d.err.String())
	}
}

// TestConsoleIsLocked holds that a serial port has one user at a time.
func TestConsoleIsLocked(t *testing.T) {
	p, err := pty.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	name, err := p.PTSName()
	if err != nil {
		t.Fatal(err)
	}
	first, second := newDesk(t), newDesk(t)
	code := make(chan int, 2)
	for _, d := range []*desk{first, second} {
		d.env.Args[3] = "serial:" + name
		go func() { code <- d.env.run() }()
		if d == first {
			io.WriteString(d.person, "x")
			read(t, p.Master, "x")
		}
	}
	second.ends(code, 75, " is held by ", "nothing was touched: station.held")
	io.WriteString(first.person, "\x1d")
	first.ends(code, 0)
}

func TestPortsAreListed(t *testing.T) {
	ports := []transport.PortInfo{
		{Name: "/dev/ttyS0", Device: "/dev/ttyS0"},
		{Name: "/dev/serial/by-id/usb-FTDI-port0", Device: "/dev/ttyUSB0", Driver: "ftdi_sio", USB: "0403:6001", Serial: "A6", Manufacturer: "FTDI", Product: "FT232R", Holder: "process 42 (tio)"},
	}
	for _, tt := range []struct {
		ports []transport.PortInfo
		args  []string
		want  string
	}{
		{ports, nil, "serial:/dev/ttyS0\nserial:/dev/serial/by-id/usb-FTDI-port0\n  device   /dev/ttyUSB0\n  driver   ftdi_sio\n  usb      0403:6001\n" +
			"  serial   A6\n  maker    FTDI\n  product  FT232R\n  used by  process 42 (tio)\n"},
		{ports[:1], []string{"--json"}, "[\n  {\n    \"port\": \"serial:/dev/ttyS0\",\n    \"name\": \"/dev/ttyS0\",\n    \"device\": \"/dev/ttyS0\"\n  }\n]\n"},
		{nil, nil, "no serial port on this machine\n"},
		{[]transport.PortInfo{}, []string{"--json"}, "[]\n"},
	} {
		var out, stderr bytes.Buffer
		env := Env{
			Args: append([]string{"flashlua", "ports"}, tt.args...), Stdout: &out, Stderr: &stderr,
			Ports: func() []transport.PortInfo { return tt.ports },
		}
		if code := env.run(); code != 0 || out.String() != tt.want {
			t.Errorf("ports %v: exit %d\n%s%s\nwant\n%s", tt.args, code, &out, &stderr, tt.want)
		}
	}
}
