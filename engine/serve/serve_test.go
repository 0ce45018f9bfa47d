package serve

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pin/tftp/v3"

	"github.com/flashlua/flashlua/classify"
)

func get(t *testing.T, url string) (int, string) {
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestHTTP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := NewHTTP(l)
	defer h.Close()
	var sent atomic.Int64
	path, withdraw := h.Offer(Text("x.raw", "hello"), func(n int64) { sent.Add(n) })
	base := "http://127.0.0.1:" + h.Port()
	if len(path) < 26 || !strings.HasSuffix(path, "/x.raw") {
		t.Errorf("path %q can be guessed", path)
	}
	if code, body := get(t, base+path); code != 200 || body != "hello" || sent.Load() != 5 {
		t.Errorf("GET = %d %q, %d bytes counted", code, body, sent.Load())
	}
	for _, other := range []string{"/", "/x.raw", path + "x", strings.ToLower(path)} {
		if code, _ := get(t, base+other); code != 404 {
			t.Errorf("GET %s = %d; want 404", other, code)
		}
	}
	withdraw()
	if code, _ := get(t, base+path); code != 404 {
		t.Errorf("GET after withdraw = %d; want 404", code)
	}
}

func TestListenError(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		var address string
		if network == "tcp" {
			l, err := net.Listen(network, "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			address = l.Addr().String()
			_, err = net.Listen(network, address)
			wantHint(t, ListenError(err, network, address), fmt.Sprintf("process %d (", os.Getpid()))
			_, err = net.Listen(network, "203.0.113.1:0")
			wantHint(t, ListenError(err, network, "203.0.113.1:0"), "must be addresses of this machine")
			continue
		}
		c, err := net.ListenPacket(network, "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		address = c.LocalAddr().String()
		_, err = net.ListenPacket(network, address)
		wantHint(t, ListenError(err, network, address), fmt.Sprintf("process %d (", os.Getpid()))
	}
	if ListenError(nil, "udp", "127.0.0.1:69") != nil || !IsLocal("127.0.0.2") || IsLocal("203.0.113.1") {
		t.Error("ListenError(nil), IsLocal")
	}
}

func wantHint(t *testing.T, err error, hint string) {
	t.Helper()
	if f := classify.Facts(err); f.Kind != classify.ConfigPlan || !strings.Contains(f.Hint, hint) {
		t.Errorf("%v of kind %s, hint %q; want %q", err, f.Kind, f.Hint, hint)
	}
}

func TestTFTP(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := conn.LocalAddr().String()
	s := NewTFTP(conn)
	want := strings.Repeat("0123456789abcdef", 1000)
	s.Offer(Text("Image", want))
	c, err := tftp.NewClient(address)
	if err != nil {
		t.Fatal(err)
	}
	from, err := c.Receive("Image", "octet")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := from.WriteTo(&got); err != nil || got.String() != want {
		t.Errorf("received %d bytes, %v; want %d", got.Len(), err, len(want))
	}
	if _, err := c.Receive("../etc/passwd", "octet"); err == nil {
		t.Error("a file that was not offered was sent")
	}
	s.Close()
	again, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatalf("the port is not free after Close: %v", err)
	}
	again.Close()
}
