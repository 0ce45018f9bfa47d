package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// listen serves one echoing client at a time.
func listen(t *testing.T, network, address string) net.Listener {
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
			io.Copy(conn, conn)
			conn.Close()
		}
	}()
	return l
}

// specs gives a live port of every kind.
func specs(t *testing.T) map[string]string {
	sock := filepath.Join(t.TempDir(), "s")
	listen(t, "unix", sock)
	pty, name := newTTY(t)
	go io.Copy(pty.Master, pty.Master)
	return map[string]string{"serial": "serial:" + name, "unix": "unix:" + sock, "tcp": "tcp:" + listen(t, "tcp", "127.0.0.1:0").Addr().String()}
}

// TestConformance is what every transport must do.
func TestConformance(t *testing.T) {
	all := specs(t)
	for name := range schemes {
		spec := all[name]
		if spec == "" {
			t.Errorf("%s: no test port", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			p, err := Open(t.Context(), spec, Line{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(p, "hello"); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 5)
			if _, err := io.ReadFull(p, buf); err != nil || string(buf) != "hello" {
				t.Fatalf("read %q, %v", buf, err)
			}

			_, err = Open(t.Context(), spec, Line{})
			if kind := classify.Facts(err).Kind; kind != classify.TransportBusy || !strings.Contains(err.Error(), "in use by process") {
				t.Errorf("second Open = %v (%s); want the holder named", err, kind)
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
					t.Error("Read after Close = nil")
				}
			case <-time.After(5 * time.Second):
				t.Fatal("Close does not free a blocked Read")
			}
			p.Close()
			again := reopen(t, spec)
			again.Close()
		})
	}
}

// reopen opens a port that was closed a moment ago: its server may still see the old client.
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
		t.Errorf("Open beside another program = %v (%s)", err, kind)
	}
	other.Close()
	reopen(t, spec).Close()
}

func TestOnePortBySeveralNames(t *testing.T) {
	all := specs(t)
	path, address := strings.TrimPrefix(all["unix"], "unix:"), strings.TrimPrefix(all["tcp"], "tcp:")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	for first, second := range map[string]string{"unix:" + path: "unix:" + link, "tcp:" + address: "tcp:localhost:" + port} {
		p := reopen(t, first)
		if _, err := Open(t.Context(), second, Line{}); classify.Facts(err).Kind != classify.TransportBusy {
			t.Errorf("%s is open, Open(%s) = %v", first, second, err)
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
		"tcp:127.0.0.1:1":    classify.TransportOpen,
	} {
		_, err := Open(t.Context(), spec, Line{})
		if f := classify.Facts(err); err == nil || f.Kind != want {
			t.Errorf("Open(%q) = %v of kind %s; want %s", spec, err, f.Kind, want)
		}
	}
	if _, err := Open(t.Context(), "unix:/no/such/sock", Line{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the cause is lost: %v", err)
	}
	if _, err := Open(t.Context(), "unix:/no/such/sock", Line{}); classify.Facts(err).Kind != classify.TransportOpen {
		t.Errorf("a failed Open kept its lock: %v", err)
	}
}
