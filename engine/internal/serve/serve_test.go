package serve

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pin/tftp/v3"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
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
	path, withdraw := h.Offer(Offer{Content: Text("x.raw", "hello"), OnSent: func(n int64) { sent.Add(n) }})
	base := "http://127.0.0.1:" + h.Port()
	if len(path) < 26 || !strings.HasSuffix(path, "/x.raw") {
		t.Errorf("Offer = path %q; want one that cannot be guessed", path)
	}
	if code, body := get(t, base+path); code != 200 || body != "hello" || sent.Load() != 5 {
		t.Errorf("GET = %d %q, OnSent of %d bytes; want the content, all counted", code, body, sent.Load())
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
			wantHint(t, ListenError(err, network, address), classify.StationPort, fmt.Sprintf("process %d (", os.Getpid()))
			_, err = net.Listen(network, "203.0.113.1:0")
			wantHint(t, ListenError(err, network, "203.0.113.1:0"), classify.ConfigPlan, "must be addresses of this machine")
			continue
		}
		c, err := net.ListenPacket(network, "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		address = c.LocalAddr().String()
		_, err = net.ListenPacket(network, address)
		wantHint(t, ListenError(err, network, address), classify.StationPort, fmt.Sprintf("process %d (", os.Getpid()))
	}
	if ListenError(nil, "udp", "127.0.0.1:69") != nil || !IsLocal(t.Context(), "127.0.0.2") || IsLocal(t.Context(), "203.0.113.1") {
		t.Error("ListenError(nil) or IsLocal is wrong; want nil, and true for loopback only")
	}
}

// TestLookingForTheStationEndsWithItsContext looks up names with a name server that never answers: the look-up
// ends with its context.
func TestLookingForTheStationEndsWithItsContext(t *testing.T) {
	usual := net.DefaultResolver
	defer func() { net.DefaultResolver = usual }()
	for what, look := range map[string]func(ctx context.Context) bool{
		"IsLocal":       func(ctx context.Context) bool { return IsLocal(ctx, "station.invalid") },
		"SourceAddress": func(ctx context.Context) bool { _, err := SourceAddress(ctx, "board.invalid"); return err == nil },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(asking context.Context, _, _ string) (net.Conn, error) {
			cancel()
			<-asking.Done()
			if !errors.Is(asking.Err(), context.Canceled) { // the resolver's own timeout ended it
				t.Errorf("%s: context error = %v; want the end of the caller's context", what, asking.Err())
			}
			return nil, asking.Err()
		}}
		if look(ctx) || ctx.Err() == nil {
			t.Errorf("%s found an address, or did not look it up: %v; want an error", what, ctx.Err())
		}
	}
}

func wantHint(t *testing.T, err error, kind classify.Kind, hint string) {
	t.Helper()
	if f := classify.Facts(err); f.Kind != kind || !strings.Contains(f.Hint, hint) {
		t.Errorf("%v of kind %s, hint %q; want kind %s, %q", err, f.Kind, f.Hint, kind, hint)
	}
}

// tftpServer returns a server on loopback.
func tftpServer(t *testing.T) (*TFTP, net.Addr) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewTFTP("", func() (net.PacketConn, error) { return net.ListenPacket("udp", "127.0.0.1:0") })
	s.Serve(conn)
	t.Cleanup(func() { s.Close() })
	return s, conn.LocalAddr()
}

func TestTFTP(t *testing.T) {
	s, addr := tftpServer(t)
	want := strings.Repeat("0123456789abcdef", 1000)
	s.Offer(Text("Image", want))
	c, err := tftp.NewClient(addr.String())
	if err != nil {
		t.Fatal(err)
	}
	c.RequestTSize(true)
	c.SetBlockSize(1400)
	from, err := c.Receive("Image", "octet")
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := from.(tftp.IncomingTransfer).Size(); !ok || n != int64(len(want)) {
		t.Errorf("tsize = %d, %t; want the size of the content", n, ok)
	}
	var got bytes.Buffer
	if _, err := from.WriteTo(&got); err != nil || got.String() != want {
		t.Errorf("received %d bytes, %v; want %d", got.Len(), err, len(want))
	}
	if _, err := c.Receive("/Image", "octet"); err != nil {
		t.Errorf("a request of /Image, as GRUB sends it, = %v; want Image", err)
	}
	if _, err := c.Receive("../etc/passwd", "octet"); err == nil || !strings.Contains(err.Error(), "File not found") {
		t.Errorf("reading a file that was not offered = %v; want file not found", err)
	}
	if _, err := c.Receive("Image", "netascii"); err == nil {
		t.Error("a request in netascii was served; want an error")
	}
	if w, err := c.Send("Image", "octet"); err == nil {
		if _, err = w.ReadFrom(strings.NewReader("x")); err == nil {
			t.Error("a write request was accepted; want an error")
		}
	}
	s.Close()
	again, err := net.ListenPacket("udp", addr.String())
	if err != nil {
		t.Fatalf("listening after Close = %v; want no error", err)
	}
	again.Close()
}

// lossy fetches a file like a board that loses packets.
func lossy(t *testing.T, server net.Addr, name string, window, block int, loss float64, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	to := server
	send := func(p []byte) {
		if r.Float64() >= loss {
			conn.WriteTo(p, to)
		}
	}
	request := []byte(fmt.Sprintf("\x00\x01%s\x00octet\x00windowsize\x00%d\x00BLKSIZE\x00%d\x00unknown\x00x\x00", name, window, block))
	out := request
	send(out)
	var got []byte
	next, inWindow := uint16(1), 0
	buf := make([]byte, 70000)
	for {
		conn.SetReadDeadline(clock.Real{}.Now().Add(200 * time.Millisecond))
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			send(out) // time is up
			inWindow = 0
			continue
		}
		if r.Float64() < loss {
			continue
		}
		switch binary.BigEndian.Uint16(buf) {
		case opOAck:
			if len(got) == 0 {
				to, out = from, []byte{0, opAck, 0, 0}
				send(out)
			}
		case opData:
			number := binary.BigEndian.Uint16(buf[2:])
			if number != next {
				if inWindow > 0 || number == next+1 { // a gap: say how far it came
					send(out)
				}
				inWindow = 0
				continue
			}
			got = append(got, buf[4:n]...)
			out = binary.BigEndian.AppendUint16([]byte{0, opAck}, next)
			next++
			if inWindow++; n-4 < block {
				conn.WriteTo(out, to)
				return got
			}
			if inWindow == window {
				inWindow = 0
				send(out)
			}
		default:
			t.Fatalf("received %q; want a data packet", buf[:n])
		}
	}
}

// TestTFTPWindows sends files of unusual sizes in windows over a line that loses a tenth of all packets, one of
// them of more blocks than 16 bits count.
func TestTFTPWindows(t *testing.T) {
	s, addr := tftpServer(t)
	for seed, tt := range []struct {
		size, window, block int
		loss                float64
	}{
		{0, 4, 1468, 0}, {1, 4, 1468, 0}, {1468, 4, 1468, 0}, {4 * 1468, 4, 1468, 0.1}, {100_000, 1, 1468, 0.1}, {300_001, 4, 1468, 0.1}, {300_001, 16, 1468, 0.1}, {1000, 64, 8, 0.1}, {700_000, 64, 8, 0},
	} {
		want := make([]byte, tt.size)
		rand.NewChaCha8([32]byte{byte(seed)}).Read(want)
		name := fmt.Sprint("file", seed)
		s.Offer(Content{name, int64(tt.size), bytes.NewReader(want)})
		s.ResetLoad(nil)
		got := lossy(t, addr, name, tt.window, tt.block, tt.loss, uint64(seed))
		if !bytes.Equal(got, want) {
			t.Errorf("%+v: received %d bytes; want the content", tt, len(got))
		}
		if l := s.LastLoad(); tt.loss > 0 && tt.size >= 100_000 && l.Resent == 0 { // a busy machine may be late without a loss, too
			t.Errorf("%+v: LastLoad = %+v; want blocks that were sent again", tt, l)
		}
	}
}

// TestTFTPLateAnswer is a client whose first acknowledgement is late once, so that it receives a window twice.
// Like U-Boot, it repeats its acknowledgement once when a block is not the next one. That must not double the
// following windows.
func TestTFTPLateAnswer(t *testing.T) {
	s, addr := tftpServer(t)
	const blocks = 400
	s.Offer(Text("file", strings.Repeat("x", (blocks-1)*defaultBlock)))
	for _, window := range []int{1, 4, 16} {
		client, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		client.SetReadDeadline(clock.Real{}.Now().Add(time.Hour))
		buf := make([]byte, 1<<10)
		read := func() (number int, size int, from net.Addr) {
			n, from, err := client.ReadFrom(buf)
			if err != nil {
				t.Fatal(err)
			}
			return int(binary.BigEndian.Uint16(buf[2:])), n - 4, from
		}
		client.WriteTo(fmt.Appendf(nil, "\x00\x01file\x00octet\x00windowsize\x00%d\x00", window), addr)
		_, _, to := read()
		answer := func(block int) { client.WriteTo([]byte{0, opAck, byte(block >> 8), byte(block)}, to) }
		answer(0)
		got, packets, repeated, late := 0, 0, -1, true
		for size := defaultBlock; size == defaultBlock; {
			number, n, _ := read()
			if packets++; number == got+1 {
				if got, size = number, n; got%window == 0 && !(late && got == window) || n < defaultBlock {
					answer(got)
				}
				continue
			}
			if late {
				late = false
				answer(got)
			}
			if repeated != got {
				repeated = got
				answer(got)
			}
		}
		if got != blocks || packets > blocks+2*window {
			t.Errorf("window %d: %d blocks in %d packets; want few duplicates", window, got, packets)
		}
	}
}

// asking returns a client that requests a file, and the first response to it.
func asking(t *testing.T, server net.Addr, client net.PacketConn, name, options string) (answer []byte, from net.Addr) {
	t.Helper()
	client.WriteTo([]byte("\x00\x01"+name+"\x00octet\x00"+options), server)
	buf := make([]byte, 1<<10)
	n, from, err := client.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n], from
}

// TestTFTPEnds ends a transfer, and its socket: when its file fails, when its client requests again, and with the
// server.
func TestTFTPEnds(t *testing.T) {
	client, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	client.SetReadDeadline(clock.Real{}.Now().Add(time.Hour))
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sockets := make(chan net.PacketConn, 3)
	s := NewTFTP("", func() (net.PacketConn, error) {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		sockets <- c
		return c, err
	})
	s.Serve(conn)
	defer s.Close()
	s.Offer(Content{"shrunk", 2000, strings.NewReader("short")})
	s.Offer(Text("file", strings.Repeat("x", 2000)))

	if got, _ := asking(t, conn.LocalAddr(), client, "shrunk", ""); string(got) != "\x00\x05\x00\x00the file cannot be read any more\x00" {
		t.Errorf("reading a file that became shorter = %q; want an error packet", got)
	}
	first, from := asking(t, conn.LocalAddr(), client, "file", "")
	again, same := asking(t, conn.LocalAddr(), client, "file", "") // as a bridge may double it
	if len(first) != 4+defaultBlock || len(again) != len(first) || same.String() != from.String() {
		t.Fatalf("%d bytes from %s, then %d from %s; want the same packet from the same socket", len(first), from, len(again), same)
	}
	second, newer := asking(t, conn.LocalAddr(), client, "file", "blksize\x001000\x00")
	if string(second) != "\x00\x06blksize\x001000\x00" || from.String() == newer.String() {
		t.Fatalf("%q from %s after %s; want a new socket", second, newer, from)
	}
	for _, what := range []string{"a file that failed", "a transfer that was requested again", "a server that is closed"} {
		if len(sockets) == 1 {
			s.Close()
		}
		c := <-sockets
		c.SetReadDeadline(clock.Real{}.Now().Add(time.Hour))
		if _, _, err := c.ReadFrom(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the socket of %s: %v; want it closed", what, err)
		}
	}
}

// BenchmarkTFTP is a file to a client without losses, with windows and without, beside the library's server.
func BenchmarkTFTP(b *testing.B) {
	const size = 16 << 20
	want := make([]byte, size)
	var t testing.T
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := NewTFTP("", func() (net.PacketConn, error) { return net.ListenPacket("udp", "127.0.0.1:0") })
	s.Serve(conn)
	defer s.Close()
	s.Offer(Content{"file", size, bytes.NewReader(want)})
	for b.Loop() {
		for _, window := range []int{1, 4, 16} {
			began := time.Now()
			if got := lossy(&t, conn.LocalAddr(), "file", window, 1468, 0, 0); len(got) != size {
				b.Fatal(len(got))
			}
			b.ReportMetric(size/time.Since(began).Seconds()/1e6, fmt.Sprintf("W%d-MB/s", window))
		}
	}
	b.ReportMetric(0, "ns/op")
}
