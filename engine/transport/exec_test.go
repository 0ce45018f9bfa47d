package transport

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// TestExecThatEnds: Open, or Connected, reports how a command ended.
func TestExecThatEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		kind classify.Kind
		want string
	}{
		"on stderr":             {"echo no route >&2; exit 255", classify.TransportLost, "ended: exit status 255: no route"},
		"silent":                {"true", classify.TransportLost, "ended: exit status 0"},
		"no such program":       {"no-such-client", classify.TransportLost, "exit status 127: sh:"},
		"ssh without a server":  {"echo 'ssh: connect to host lab port 22: Connection refused' >&2; exit 255", classify.TransportAway, "lab port 22: Connection refused"},
		"picocom":               {"printf 'FATAL: cannot lock /dev/ttyUSB0: Resource temporarily unavailable\r\n'; exit 1", classify.TransportBusy, "exit status 1: FATAL: cannot lock /dev/ttyUSB0"},
		"after it was asked":    {"head -c 1 >/dev/null; echo 'microcom: cannot open lock: File exists' >&2; exit 1", classify.TransportBusy, "exit status 1: microcom: cannot open lock"},
		"asked, by its output":  {"head -c 1 >/dev/null; echo 'Connection refused by 10.0.0.7'", classify.TransportBusy, "exit status 0: Connection refused by 10.0.0.7"},
		"closed its output too": {"head -c 1 >/dev/null; exec >&-; exit 7", classify.TransportLost, "exit status 7"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Open(t.Context(), "exec:"+tt.text, Line{})
			if err == nil {
				defer p.Close()
				read := make(chan error, 1)
				go func() {
					<-p.(*probedPort).prober.(*child).exited // the output is read after the end of the program
					_, err := io.Copy(io.Discard, p)
					read <- err
				}()
				err = p.(*probedPort).Connected(t.Context())
				if rerr := <-read; err == nil || rerr == nil || rerr.Error() != err.Error() {
					t.Errorf("Read() = %v; want the error of Connected(), %v", rerr, err)
				}
			}
			if f := classify.Facts(err); err == nil || !strings.Contains(err.Error(), tt.want) || f.Kind != tt.kind {
				t.Errorf("Open() or Connected() = %v of kind %s; want %q of kind %s", err, f.Kind, tt.want, tt.kind)
			}
		})
	}
}

// TestExecThatLetsGo: a command that closes its input or output and runs on is refused before the board gets
// power.
func TestExecThatLetsGo(t *testing.T) {
	for name, text := range map[string]string{
		"its output":            "head -c 1 >/dev/null; exec >&-; sleep 1000",
		"its input":             "exec <&-; sleep 1000",
		"both, by its child":    "exec >&- <&- 2>&-; sleep 1000",
		"its input, for a file": "exec </dev/null; echo up; sleep 1000",
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Open(t.Context(), "exec:"+text, Line{})
			if err == nil {
				defer p.Close()
				p.(*probedPort).prober.(*child).exitTimeout = time.Millisecond
				go io.Copy(io.Discard, p)
				err = p.(*probedPort).Connected(t.Context())
			}
			if f := classify.Facts(err); err == nil || !strings.Contains(err.Error(), "runs on without the console") || f.Kind != classify.TransportLost {
				t.Errorf("Open() or Connected() = %v of kind %s; want %q of kind %s", err, f.Kind, "runs on without the console", classify.TransportLost)
			}
		})
	}
	p, err := Open(t.Context(), "exec:sleep 1000 & exit 7", Line{})
	if err == nil {
		defer p.Close()
		err = p.(*probedPort).Connected(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), "ended: exit status 7") {
		t.Errorf("Open() or Connected() of a command that left a child running = %v; want its exit status 7", err)
	}
}

// TestExecThatConnects: Connected waits until the command reads what was typed.
func TestExecThatConnects(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "gate")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Open(t.Context(), "exec:read -r _ <"+gate+"; exec cat", Line{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	c := p.(*probedPort).prober.(*child)
	c.readTimeout = time.Hour
	connected := make(chan error, 1)
	go func() { connected <- p.(*probedPort).Connected(t.Context()) }()
	f, err := os.OpenFile(gate, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n == 0; n, _ = c.unread() { // until the NUL is there
		runtime.Gosched()
	}
	select {
	case err := <-connected:
		t.Errorf("Connected() = %v before the command reads; want it to wait", err)
	default:
	}
	io.WriteString(f, "\n")
	f.Close()
	if err := <-connected; err != nil {
		t.Errorf("Connected() = %v; want nil", err)
	}
	buf := make([]byte, 6)
	io.WriteString(p, "hello")
	if _, err := io.ReadFull(p, buf); err != nil || string(buf) != "\x00hello" {
		t.Errorf("ReadFull() = %q, %v; want %q", buf, err, "\x00hello")
	}
}

// TestExecThatReadsNothing: a command that runs and reads nothing counts as connected after readTimeout.
func TestExecThatReadsNothing(t *testing.T) {
	p, err := Open(t.Context(), "exec:sleep 1000", Line{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.(*probedPort).prober.(*child).readTimeout = time.Millisecond
	if err := p.(*probedPort).Connected(t.Context()); err != nil {
		t.Errorf("Connected() = %v; want nil", err)
	}
}

// TestExecEndsWithItsChildren: Close ends a program that ignores SIGTERM, and its child.
func TestExecEndsWithItsChildren(t *testing.T) {
	alive := filepath.Join(t.TempDir(), "alive")
	if err := syscall.Mkfifo(alive, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Open(t.Context(), "exec:trap '' TERM; { cat; } <>"+alive+" & echo up; cat <>"+alive, Line{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(p, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	p.Close()
	// A FIFO that no process has open refuses a writer with O_NONBLOCK.
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	for {
		f, err := os.OpenFile(alive, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return
		}
		f.Close()
		if ctx.Err() != nil {
			t.Fatal("the FIFO has readers after an hour; want the children to end with Close()")
		}
	}
}

// TestExecThatComplainsMuch: the error has the end of a long output, and the number of bytes left out.
func TestExecThatComplainsMuch(t *testing.T) {
	p, err := Open(t.Context(), "exec:head -c 1000000 /dev/zero | tr '\\0' x >&2; echo no route >&2; exit 255", Line{})
	if err == nil { // it was connected before it ended
		defer p.Close()
		_, err = io.ReadAll(p)
	}
	if err == nil || len(err.Error()) > 600 || !strings.Contains(err.Error(), "exit status 255: (999709 bytes left out) … xxx") || !strings.HasSuffix(err.Error(), "xno route") {
		t.Errorf("Read() = %v; want the exit status and the end of the output", err)
	}
}
