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
	h, err := ListenHTTP("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
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
	if _, err := ListenHTTP("203.0.113.1"); classify.Facts(err).Kind != classify.ConfigPlan {
		t.Errorf("ListenHTTP on a foreign address = %v", err)
	}
}

func TestTFTP(t *testing.T) {
	free, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	port := free.LocalAddr().(*net.UDPAddr).Port
	_, err = ListenTFTP("127.0.0.1", port)
	if hint := classify.Facts(err).Hint; !strings.Contains(hint, fmt.Sprintf("process %d (", os.Getpid())) {
		t.Errorf("a busy port: %v, hint %q; want the holder named", err, hint)
	}
	free.Close()
	s, err := ListenTFTP("127.0.0.1", port)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Repeat("0123456789abcdef", 1000)
	s.Offer(Text("Image", want))
	c, err := tftp.NewClient(fmt.Sprintf("127.0.0.1:%d", port))
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
	again, err := ListenTFTP("127.0.0.1", port)
	if err != nil {
		t.Fatalf("the port is not free after Close: %v", err)
	}
	again.Close()
}
