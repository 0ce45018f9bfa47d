package transport

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// listen serves one client at a time, by default with an echo.
func listen(t *testing.T, network, address string, serve ...func(net.Conn)) net.Listener {
	serve = append(serve, func(conn net.Conn) { io.Copy(conn, conn) })
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serve[0](conn)
			conn.Close()
		}
	}()
	return l
}

// specs returns a port with an echo of every kind.
func specs(t *testing.T) map[string]string {
	sock := filepath.Join(t.TempDir(), "s")
	listen(t, "unix", sock)
	pty, name := newTTY(t)
	go io.Copy(pty.Master, pty.Master)
	return map[string]string{
		"serial": "serial:" + name, "unix": "unix:" + sock, "exec": "exec:cat # " + sock,
		"tcp":     "tcp:" + listen(t, "tcp", "127.0.0.1:0").Addr().String(),
		"telnet":  "telnet:" + listen(t, "tcp", "127.0.0.1:0", serveTelnet).Addr().String(),
		"rfc2217": "rfc2217:" + listen(t, "tcp", "127.0.0.1:0", serveTelnet).Addr().String(),
	}
}

// serveTelnet serves a telnet console that accepts all options and echoes.
func serveTelnet(conn net.Conn) {
	port := newTelnetPort(conn)
	codec := port.codec
	codec.them.agree = append(codec.them.agree, optComPort)
	codec.onSub = func(option byte, value []byte) {
		codec.reply = append(codec.reply, telIAC, telSB, option, value[0]+comAnswer)
		codec.reply = append(encodeTelnet(codec.reply, value[1:], true), telIAC, telSE)
	}
	io.Copy(port, port)
}

// TestConformance tests what every transport must do.
func TestConformance(t *testing.T) {
	all := specs(t)
	for name := range schemes {
		spec := all[name]
		if spec == "" {
			t.Errorf("specs()[%s] is empty; want a test port for every scheme", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			p, err := Open(t.Context(), spec, Line{})
			if err != nil {
				t.Fatal(err)
			}
			conforms(t, spec, p)
		})
	}
}

// conforms tests a port that was just opened and has an echo at its other end.
func conforms(t *testing.T, spec string, p Port) {
	t.Cleanup(func() { p.Close() })
	if _, err := io.WriteString(p, "hello"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 5)
	if _, err := io.ReadFull(p, buf); err != nil || string(buf) != "hello" {
		t.Fatalf("ReadFull() = %q, %v; want %q", buf, err, "hello")
	}
	passes(t, p)

	_, err := Open(t.Context(), spec, Line{})
	if kind := classify.Facts(err).Kind; kind != classify.TransportBusy || !strings.Contains(err.Error(), "in use by process") {
		t.Errorf("second Open() = %v of kind %s; want kind %s and the holder", err, kind, classify.TransportBusy)
	}

	freed := make(chan error, 1)
	go func() {
		_, err := p.Read(buf)
		freed <- err
	}()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	select {
	case err := <-freed:
		if err == nil {
			t.Error("Read() after Close() = nil; want an error")
		}
	case <-time.After(time.Hour):
		t.Fatal("Read() is blocked after Close(); want an error")
	}
	p.Close()
	reopen(t, spec).Close()
}

// passes sends every pair of bytes and reads them back, a little at a time: the echo and the buffers have no room
// for all.
func passes(t *testing.T, p Port) {
	t.Helper()
	var all []byte
	for a := range 256 {
		for b := range 256 {
			all = append(all, byte(a), byte(b))
		}
	}
	got := make([]byte, 1<<10)
	for sent := range slices.Chunk(all, len(got)) {
		if n, err := p.Write(sent); n != len(sent) || err != nil {
			t.Fatalf("Write() = %d, %v; want %d, nil", n, err, len(sent))
		}
		if n, err := io.ReadFull(p, got); err != nil || !bytes.Equal(got, sent) {
			t.Fatalf("ReadFull() = %x, %v; want %x", got[:n], err, sent)
		}
	}
}

// reopen opens a port that was just closed: its server may still see the old client.
func reopen(t *testing.T, spec string) Port {
	for {
		p, err := Open(t.Context(), spec, Line{})
		if err == nil {
			return p
		}
		if classify.Facts(err).Kind != classify.TransportBusy {
			t.Fatal(err)
		}
	}
}

func TestUnixServerWithAnotherClient(t *testing.T) {
	spec := specs(t)["unix"]
	other, err := net.Dial("unix", strings.TrimPrefix(spec, "unix:"))
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(other, "x")
	io.ReadFull(other, make([]byte, 1)) // it was accepted
	_, err = Open(t.Context(), spec, Line{})
	if kind := classify.Facts(err).Kind; kind != classify.TransportBusy {
		t.Errorf("Open() of a port with another client = %v of kind %s; want kind %s", err, kind, classify.TransportBusy)
	}
	other.Close()
	reopen(t, spec).Close()
}

// TestServerThatHasNotNoticed: a server that has not noticed that its last client disconnected is tried again.
func TestServerThatHasNotNoticed(t *testing.T) {
	clients := 0
	l := listen(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		if clients++; clients > 2 {
			serveTelnet(conn)
		}
	})
	p, err := Open(t.Context(), "telnet:"+l.Addr().String(), Line{})
	if err != nil {
		t.Fatal(err)
	}
	passes(t, p)
	p.Close()
}

func TestOnePortBySeveralNames(t *testing.T) {
	all := specs(t)
	path, address := strings.TrimPrefix(all["unix"], "unix:"), strings.TrimPrefix(all["tcp"], "tcp:")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	for _, names := range [][2]string{
		{"unix:" + path, "unix:" + link},
		{"tcp:" + address, "tcp:localhost:" + port},
		{all["telnet"], "tcp:" + strings.TrimPrefix(all["telnet"], "telnet:")},
		{all["rfc2217"], "telnet:" + strings.TrimPrefix(all["rfc2217"], "rfc2217:")},
	} {
		first, second := names[0], names[1]
		p := reopen(t, first)
		if _, err := Open(t.Context(), second, Line{}); classify.Facts(err).Kind != classify.TransportBusy {
			t.Errorf("Open(%s) while %s is open = %v; want kind %s", second, first, err, classify.TransportBusy)
		}
		p.Close()
	}
}

func TestOpenErrors(t *testing.T) {
	for spec, want := range map[string]classify.Kind{
		"":                   classify.Usage,
		"ttyUSB0":            classify.Usage,
		"carrier:pigeon":     classify.Usage,
		"unix:":              classify.Usage,
		"tcp:localhost":      classify.Usage,
		"unix:/no/such/sock": classify.TransportOpen,
		"telnet:localhost":   classify.Usage,
		"rfc2217:localhost:": classify.Usage,
		"tcp:127.0.0.1:1":    classify.TransportAway,
		"telnet:127.0.0.1:1": classify.TransportAway,
	} {
		_, err := Open(t.Context(), spec, Line{})
		if f := classify.Facts(err); err == nil || f.Kind != want {
			t.Errorf("Open(%q) = %v of kind %s; want %s", spec, err, f.Kind, want)
		}
	}
	if _, err := Open(t.Context(), "unix:/no/such/sock", Line{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open(unix:/no/such/sock) = %v; want the cause %v", err, os.ErrNotExist)
	}
	if _, err := Open(t.Context(), "unix:/no/such/sock", Line{}); classify.Facts(err).Kind != classify.TransportOpen {
		t.Errorf("second Open(unix:/no/such/sock) = %v; want kind %s: the first must not keep its lock", err, classify.TransportOpen)
	}
}
