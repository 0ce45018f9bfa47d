package serve

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// wire is a network in memory, for a bubble of virtual time. It counts the packets to each host.
type wire struct {
	mu    sync.Mutex // mu guards what follows
	conns map[string]*end
	port  int
	count map[string]int // packets by host
	bytes map[string]int
}

func newWire() *wire {
	return &wire{conns: map[string]*end{}, port: 1000, count: map[string]int{}, bytes: map[string]int{}}
}

type packet struct {
	from net.Addr
	data []byte
}

// end is a socket of a wire.
type end struct {
	w    *wire
	addr *net.UDPAddr
	in   chan packet
	done chan struct{}
	once sync.Once

	mu       sync.Mutex // mu guards what follows
	deadline time.Time
}

// listen opens a socket of a host, on any port if port is 0.
func (w *wire) listen(host string, port int) *end {
	w.mu.Lock()
	defer w.mu.Unlock()
	if port == 0 {
		w.port++
		port = w.port
	}
	e := &end{w: w, addr: &net.UDPAddr{IP: net.ParseIP(host), Port: port}, in: make(chan packet, 1<<12), done: make(chan struct{})}
	w.conns[e.addr.String()] = e
	return e
}

func (e *end) WriteTo(p []byte, to net.Addr) (int, error) {
	e.w.mu.Lock()
	host, _, _ := net.SplitHostPort(to.String())
	e.w.count[host]++
	e.w.bytes[host] += len(p)
	other := e.w.conns[to.String()]
	e.w.mu.Unlock()
	if other != nil {
		select {
		case other.in <- packet{e.addr, append([]byte(nil), p...)}:
		default:
		}
	}
	return len(p), nil
}

func (e *end) ReadFrom(p []byte) (int, net.Addr, error) {
	e.mu.Lock()
	var late <-chan time.Time
	if !e.deadline.IsZero() {
		t := time.NewTimer(time.Until(e.deadline))
		defer t.Stop()
		late = t.C
	}
	e.mu.Unlock()
	select {
	case in := <-e.in:
		return copy(p, in.data), in.from, nil
	case <-late:
		return 0, nil, os.ErrDeadlineExceeded
	case <-e.done:
		return 0, nil, net.ErrClosed
	}
}

func (e *end) Close() error {
	e.once.Do(func() {
		close(e.done)
		e.w.mu.Lock()
		defer e.w.mu.Unlock()
		delete(e.w.conns, e.addr.String())
	})
	return nil
}

func (e *end) SetReadDeadline(t time.Time) error {
	select {
	case <-e.done:
		return net.ErrClosed
	default:
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.deadline = t
	return nil
}

func (e *end) LocalAddr() net.Addr              { return e.addr }
func (e *end) SetDeadline(t time.Time) error    { return e.SetReadDeadline(t) }
func (e *end) SetWriteDeadline(time.Time) error { return nil }

// sent returns the packets and bytes that were sent to a host since the last call.
func (w *wire) sent(host string) (packets, bytes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	packets, bytes = w.count[host], w.bytes[host]
	w.count[host], w.bytes[host] = 0, 0
	return packets, bytes
}

// onWire runs a test with a server at 10.0.0.1 that offers a file of 10 MB.
func onWire(t *testing.T, test func(t *testing.T, w *wire, s *TFTP)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		s := NewTFTP("", func() (net.PacketConn, error) { return w.listen("10.0.0.1", 0), nil })
		s.Serve(w.listen("10.0.0.1", 69))
		defer s.Close()
		s.Offer(Text("file", strings.Repeat("x", 10_000_000)))
		test(t, w, s)
	})
}

var tftpAddr = &net.UDPAddr{IP: net.ParseIP("10.0.0.1"), Port: 69}

// underWay returns the number of transfers.
func (t *TFTP) underWay() int {
	t.live.mu.Lock()
	defer t.live.mu.Unlock()
	return len(t.live.active)
}

// ask sends a request.
func (e *end) ask(options string) { e.WriteTo([]byte("\x00\x01file\x00octet\x00"+options), tftpAddr) }

// next returns the next packet that comes within a second; nil is none.
func (e *end) next() (data []byte, from net.Addr) {
	buf := make([]byte, 70000)
	e.SetReadDeadline(time.Now().Add(time.Second))
	n, from, err := e.ReadFrom(buf)
	if err != nil {
		return nil, nil
	}
	return buf[:n], from
}

func (e *end) ack(block uint16, to net.Addr) {
	e.WriteTo(binary.BigEndian.AppendUint16([]byte{0, opAck}, block), to)
}

// begin asks, and acknowledges the options.
func (e *end) begin(t *testing.T, options string) (server net.Addr) {
	t.Helper()
	e.ask(options)
	data, from := e.next()
	if data == nil || data[1] != opOAck {
		t.Fatalf("response to %q = %q; want an acknowledgement of the options", options, data)
	}
	e.ack(0, from)
	return from
}

// TestTFTPNeverAcknowledged bounds what one request causes, because its sender may be forged.
func TestTFTPNeverAcknowledged(t *testing.T) {
	for _, options := range []string{"", "blksize\x00\x3165464\x00windowsize\x0064\x00", "tsize\x000\x00" + strings.Repeat("tsize\x000\x00", 100), "unknown\x00x\x00"} {
		onWire(t, func(t *testing.T, w *wire, s *TFTP) {
			w.listen("10.0.0.9", 5).ask(options)
			time.Sleep(time.Minute)
			if packets, bytes := w.sent("10.0.0.9"); packets != maxUnheard || bytes > maxUnheard*(defaultBlock+4) {
				t.Errorf("%.20q: %d packets, %d bytes; want %d packets", options, packets, bytes, maxUnheard)
			}
			if n := s.underWay(); n != 0 {
				t.Errorf("%.20q: %d transfers after a minute; want 0", options, n)
			}
		})
	}
}

// TestTFTPManyRequests sends a hundred ports of a host no more than a few, and serves other hosts.
func TestTFTPManyRequests(t *testing.T) {
	onWire(t, func(t *testing.T, w *wire, s *TFTP) {
		for port := range 100 {
			w.listen("10.0.0.9", 1+port).ask("")
		}
		synctest.Wait()
		if n := s.underWay(); n != maxTransfersPerHost {
			t.Errorf("%d transfers of a host are under way; want %d", n, maxTransfersPerHost)
		}
		other := w.listen("10.0.0.8", 0)
		other.begin(t, "blksize\x001468\x00")
		if data, _ := other.next(); len(data) != 1472 {
			t.Errorf("another host received %d bytes; want a block", len(data))
		}
		time.Sleep(quietPeriod - 2*time.Second)
		if packets, _ := w.sent("10.0.0.9"); packets != maxUnheardPerHost {
			t.Errorf("%d packets; want %d", packets, maxUnheardPerHost)
		}
		time.Sleep(time.Minute)
		late := w.listen("10.0.0.9", 0)
		late.begin(t, "blksize\x001468\x00")
		if data, _ := late.next(); len(data) != 1472 {
			t.Errorf("a host that was quiet for a minute received %d bytes; want a block", len(data))
		}
	})
}

// TestTFTPLateAcknowledgement serves a client that answers slowly.
func TestTFTPLateAcknowledgement(t *testing.T) {
	for _, wait := range []time.Duration{0, 3 * time.Second, silence - time.Second} {
		onWire(t, func(t *testing.T, w *wire, s *TFTP) {
			board := w.listen("10.0.0.9", 0)
			board.ask("blksize\x001000\x00")
			_, server := board.next()
			time.Sleep(wait)
			board.ack(0, server)
			for block := uint16(1); block <= 3; block++ {
				data, _ := board.next()
				for data != nil && data[1] == opOAck { // that came meanwhile
					data, _ = board.next()
				}
				if len(data) != 1004 || binary.BigEndian.Uint16(data[2:]) != block {
					t.Fatalf("after %s, block %d has %d bytes; want a block", wait, block, len(data))
				}
				board.ack(block, server)
			}
		})
	}
}

// TestTFTPInFlight bounds what is sent before an acknowledgement, even where a client asks for more.
func TestTFTPInFlight(t *testing.T) {
	for _, c := range []struct{ options, answer string }{
		{"blksize\x0065464\x00windowsize\x0064\x00", "blksize\x0065464\x00windowsize\x002\x00"},
		{"windowsize\x00100000\x00blksize\x008192\x00", "windowsize\x0016\x00blksize\x008192\x00"},
		{"windowsize\x0064\x00blksize\x001468\x00", "windowsize\x0064\x00blksize\x001468\x00"},
		{"windowsize\x0064\x00", "windowsize\x0064\x00"},
		{"blksize\x009223372036854775807\x00windowsize\x009223372036854775807\x00", "blksize\x0065464\x00windowsize\x002\x00"},
		{"blksize\x0018446744073709551617\x00tsize\x000\x00", "tsize\x0010000000\x00"},
		{"tsize\x000\x00TSIZE\x000\x00tsize\x000\x00", "tsize\x0010000000\x00"},
	} {
		onWire(t, func(t *testing.T, w *wire, s *TFTP) {
			board := w.listen("10.0.0.9", 0)
			board.ask(c.options)
			data, from := board.next()
			if string(data) != "\x00\x06"+c.answer {
				t.Errorf("%q is answered with %q; want %q", c.options, data, c.answer)
			}
			w.sent("10.0.0.9")
			board.ack(0, from)
			synctest.Wait()
			if _, bytes := w.sent("10.0.0.9"); bytes > maxInFlight+maxWindow*4 || bytes == 0 {
				t.Errorf("%q: %d bytes sent before an acknowledgement; want at most maxInFlight", c.options, bytes)
			}
			time.Sleep(time.Minute)
			if _, bytes := w.sent("10.0.0.9"); bytes > 12*(maxInFlight+maxWindow*4) || s.underWay() != 0 {
				t.Errorf("%q: %d more bytes to a silent client, %d transfers; want few, 0", c.options, bytes, s.underWay())
			}
		})
	}
}

// TestTFTPManyTransfers bounds the transfers of a host. A silent one is ended in favour of a new one.
func TestTFTPManyTransfers(t *testing.T) {
	onWire(t, func(t *testing.T, w *wire, s *TFTP) {
		type load struct {
			board  *end
			server net.Addr
		}
		var loads []load
		for range maxTransfersPerHost {
			board := w.listen("10.0.0.9", 0)
			loads = append(loads, load{board, board.begin(t, "blksize\x00512\x00")})
		}
		synctest.Wait()
		refused := w.listen("10.0.0.9", 0)
		refused.ask("blksize\x00512\x00")
		if data, _ := refused.next(); string(data) != "\x00\x05\x00\x00too many transfers at once\x00" {
			t.Errorf("response to one transfer too many = %q; want an error", data)
		}
		w.listen("10.0.0.8", 0).begin(t, "blksize\x00512\x00")
		time.Sleep(livelyPeriod) // all but the first go on
		for _, l := range loads[1:] {
			l.board.ack(1, l.server)
		}
		synctest.Wait()
		w.listen("10.0.0.9", 0).begin(t, "blksize\x00512\x00")
		for i, l := range loads {
			s.live.mu.Lock()
			under := s.live.active[l.board.addr.String()] != nil
			s.live.mu.Unlock()
			if under != (i > 0) {
				t.Errorf("transfer %d is in progress: %v; want %v", i, under, i > 0)
			}
		}
	})
}

// TestTFTPTransfersInAll bounds the transfers of all hosts: those that never answered are ended first.
func TestTFTPTransfersInAll(t *testing.T) {
	onWire(t, func(t *testing.T, w *wire, s *TFTP) {
		for i := range maxTransfers - 1 {
			w.listen(fmt.Sprintf("10.0.1.%d", i), 5).begin(t, "blksize\x00512\x00")
		}
		synctest.Wait()
		for i := range 100 {
			w.listen(fmt.Sprintf("10.0.2.%d", i), 5).ask("blksize\x00512\x00")
		}
		w.listen("10.0.0.9", 0).begin(t, "blksize\x00512\x00")
		synctest.Wait()
		if n := s.underWay(); n != maxTransfers {
			t.Errorf("%d transfers are under way; want %d", n, maxTransfers)
		}
		refused := w.listen("10.0.0.8", 0)
		refused.ask("")
		if data, _ := refused.next(); string(data) != "\x00\x05\x00\x00too many transfers at once\x00" {
			t.Errorf("response to one transfer too many = %q; want an error", data)
		}
	})
}

// TestTFTPAsksAgain is a board that starts a load repeatedly, from another port each time, in the middle of the
// previous one.
func TestTFTPAsksAgain(t *testing.T) {
	onWire(t, func(t *testing.T, w *wire, s *TFTP) {
		for try := range 5 * maxTransfersPerHost {
			board := w.listen("10.0.0.9", 0)
			server := board.begin(t, "blksize\x001468\x00windowsize\x0016\x00")
			for range try % 3 {
				var last uint16
				for range 16 {
					data, _ := board.next()
					if data == nil {
						t.Fatalf("try %d: the window is incomplete; want all blocks", try)
					}
					last = binary.BigEndian.Uint16(data[2:])
				}
				board.ack(last, server)
			}
			board.Close()
			time.Sleep(time.Second)
		}
	})
}

// TestTFTPErrorsAreNotAnswered holds that errors get no response: two servers would answer each other for ever.
func TestTFTPErrorsAreNotAnswered(t *testing.T) {
	onWire(t, func(t *testing.T, w *wire, s *TFTP) {
		for _, p := range []string{"\x00\x05\x00\x00not a request\x00", "", "\x00"} {
			w.listen("10.0.0.9", 0).WriteTo([]byte(p), tftpAddr)
		}
		w.listen("10.0.0.8", 0).WriteTo([]byte("\x00\x04\x00\x00"), tftpAddr)
		synctest.Wait()
		if n, _ := w.sent("10.0.0.9"); n != 0 {
			t.Errorf("%d responses to errors and to empty packets; want 0", n)
		}
		if n, _ := w.sent("10.0.0.8"); n != 1 {
			t.Errorf("%d answers to what is no request; want 1", n)
		}
	})
}

// TestTFTPRequestRepeated is a busy board, which repeats its request before it sees the first answer to it, and
// talks from then on only to the socket of that answer. Each request is answered from there.
func TestTFTPRequestRepeated(t *testing.T) {
	for _, late := range []time.Duration{300 * time.Millisecond, 1100 * time.Millisecond, 4 * time.Second} {
		onWire(t, func(t *testing.T, w *wire, s *TFTP) {
			board := w.listen("10.0.0.9", 0)
			board.ask("blksize\x001468\x00windowsize\x004\x00")
			for waited := time.Second; waited <= late; waited += time.Second {
				time.Sleep(time.Second)
				board.ask("blksize\x001468\x00windowsize\x004\x00")
			}
			time.Sleep(late % time.Second)
			_, server := board.next()
			board.ack(0, server)
			board.ask("blksize\x001468\x00windowsize\x004\x00") // one that was under way
			for got := uint16(0); got < 8; {
				data, from := board.next()
				switch {
				case data == nil:
					t.Fatalf("%s late: nothing after block %d; want the next one", late, got)
				case from.String() != server.String():
					t.Fatalf("%s late: %q from %s; want all from %s", late, data[:4], from, server)
				case data[1] == opData && binary.BigEndian.Uint16(data[2:]) == got+1:
					if got++; got%4 == 0 {
						board.ack(got, server)
					}
				}
			}
		})
	}
}

// TestTFTPNewLoadFromTheSamePort starts a load again in its middle, from the same port, as with a saved tftpsrcp: the
// board gets it once the transfer before was not acknowledged for a second.
func TestTFTPNewLoadFromTheSamePort(t *testing.T) {
	onWire(t, func(t *testing.T, w *wire, s *TFTP) {
		board := w.listen("10.0.0.9", 0)
		first := board.begin(t, "blksize\x001468\x00")
		time.Sleep(staleRequest + time.Millisecond)
		board.ask("blksize\x001468\x00")
		for {
			data, from := board.next()
			if data == nil {
				t.Fatal("the second request has no answer; want one")
			}
			if data[1] == opOAck && from.String() != first.String() {
				return
			}
		}
	})
}
