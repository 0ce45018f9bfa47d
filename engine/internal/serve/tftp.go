package serve

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

// TFTP, RFC 1350, with the options of RFC 2347, 2348 (blksize), 2349 (tsize, timeout) and 7440 (windowsize). It reads only,
// and sends what was offered, by name.
const (
	opRead  = 1
	opWrite = 2
	opData  = 3
	opAck   = 4
	opError = 5
	opOAck  = 6

	errOther    = 0
	errNotFound = 1
	errAccess   = 2
	errIllegal  = 4

	defaultBlock = 512 // bytes, without the option
	minBlock     = 8
	maxBlock     = 65464
	maxWindow    = 64
	// maxInFlight is how many bytes are sent before an answer: more than a board's network card holds are lost.
	maxInFlight = 128 << 10
	// A board that lost a block waits for it. One that is only slow still holds the window: sent again, the two together
	// may be more than its network card has room for, and U-Boot does not always get over that.
	resendAfter = 500 * time.Millisecond // doubled with every further one
	maxResend   = time.Second
	silence     = 10 * time.Second // without an answer that ends a transfer
)

// TFTP serves contents by name.
type TFTP struct {
	conn   net.PacketConn
	listen func() (net.PacketConn, error) // a socket for one transfer
	resent atomic.Int64
	live   *transfers

	mu    sync.Mutex // mu guards what follows
	files map[string]Content
	only  string // the address of the board, "" while it is not known
}

// NewTFTP serves on conn, which it closes in the end, and sends from the sockets that listen gives, one a transfer, which
// must have the same address.
func NewTFTP(conn net.PacketConn, listen func() (net.PacketConn, error)) *TFTP {
	t := &TFTP{conn: conn, listen: listen, files: map[string]Content{}, live: newTransfers()}
	go t.serve()
	return t
}

// Offer serves c under its name.
func (t *TFTP) Offer(c Content) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.files[c.Name] = c
}

// RestrictTo serves nobody but the board at an address, where that address is one of a network that this machine is in: behind a
// router it may look like another. What is on this machine is always served.
func (t *TFTP) RestrictTo(address string) {
	if !onLocalNetwork(address) {
		address = ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.only = address
}

// onLocalNetwork reports whether an address is of a network of this machine's.
func onLocalNetwork(address string) bool {
	ip := net.ParseIP(address)
	nets, err := net.InterfaceAddrs()
	return err == nil && ip != nil && slices.ContainsFunc(nets, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.Contains(ip)
	})
}

// allowed reports whether an address may ask.
func (t *TFTP) allowed(from net.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	host, _, err := net.SplitHostPort(from.String())
	return t.only == "" || err == nil && (host == t.only || net.ParseIP(host).IsLoopback())
}

// TakeResent tells how many blocks had to be sent again since it was last asked.
func (t *TFTP) TakeResent() int64 { return t.resent.Swap(0) }

// Close frees the port and ends the transfers under way.
func (t *TFTP) Close() error {
	if t.live.close() {
		return nil
	}
	return t.conn.Close()
}

func (t *TFTP) serve() {
	buf := make([]byte, 4<<10)
	for {
		n, from, err := t.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if n < 2 {
			continue
		}
		switch op := binary.BigEndian.Uint16(buf); {
		case !t.allowed(from) && op != opError:
			t.refuse(t.conn, from, errAccess, "this server is for another board")
		case op == opRead:
			t.begin(from, string(buf[2:n]))
		case op == opWrite:
			t.refuse(t.conn, from, errAccess, "this server is read only")
		case op == opError: // an answer to it could be answered for ever
		default:
			t.refuse(t.conn, from, errIllegal, "not a request")
		}
	}
}

// begin starts a transfer. A client that asks again did not hear of the one before.
func (t *TFTP) begin(from net.Addr, request string) {
	words := strings.Split(request, "\x00")
	if len(words) < 3 || !strings.EqualFold(words[1], "octet") {
		t.refuse(t.conn, from, errIllegal, "only whole files in octet mode")
		return
	}
	content, ok := t.file(words[0])
	switch {
	case !ok:
		t.refuse(t.conn, from, errNotFound, "File not found")
		return
	case t.live.isRetransmit(from, request):
		return
	}
	conn, err := t.listen()
	if err != nil {
		return
	}
	x := &transfer{server: t, conn: conn, to: from, request: request, began: clock.Real{}.Now(), content: content, block: defaultBlock, window: 1}
	if !t.live.admit(x) {
		conn.Close()
		t.refuse(t.conn, from, errOther, "too many transfers at once")
		return
	}
	go func() {
		defer x.end()
		x.run(x.negotiate(words[2:]))
	}()
}

// file returns what is offered under a name.
func (t *TFTP) file(name string) (Content, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.files[name]
	return c, ok
}

func (t *TFTP) refuse(conn net.PacketConn, to net.Addr, code uint16, text string) {
	p := binary.BigEndian.AppendUint16([]byte{0, opError}, code)
	conn.WriteTo(append(append(p, text...), 0), to)
}

// transfer is one file on its way to one client.
type transfer struct {
	server  *TFTP
	conn    net.PacketConn
	to      net.Addr
	request string
	began   time.Time
	content Content
	block   int    // bytes
	window  int    // blocks that are sent before an answer
	buf     []byte // of a window, from the first on
	packet  []byte
	answer  [1 << 10]byte

	answered atomic.Int64 // when the client last answered, in nanoseconds since 1970; 0 is never
	unheard  int          // sends before its first answer
}

func (x *transfer) end() {
	x.conn.Close()
	x.server.live.remove(x)
}

// negotiate takes what options it knows, each once, and gives the answer to them, "" if there are none.
func (x *transfer) negotiate(words []string) string {
	var names []string
	values := map[string]int64{}
	for i := 0; i+1 < len(words); i += 2 {
		name := strings.ToLower(words[i])
		n, err := strconv.ParseInt(words[i+1], 10, 64)
		switch _, twice := values[name]; {
		case err != nil || n < 0 || twice:
			continue
		case name == "blksize" && n >= minBlock:
			x.block = int(min(n, maxBlock))
			n = int64(x.block)
		case name == "windowsize" && n >= 1:
		case name == "tsize":
			n = x.content.Size
		case name == "timeout" && n >= 1 && n <= 255: // ours is shorter, and harms nobody
		default:
			continue
		}
		names, values[name] = append(names, name), n
	}
	if n, ok := values["windowsize"]; ok {
		x.window = int(min(n, maxWindow, max(maxInFlight/int64(x.block), 1)))
		values["windowsize"] = int64(x.window)
	}
	var answer strings.Builder
	for _, name := range names {
		fmt.Fprintf(&answer, "%s\x00%d\x00", name, values[name])
	}
	return answer.String()
}

// run sends the file. Blocks count from 1; the last one is shorter than the others, empty if need be.
func (x *transfer) run(options string) {
	last := x.content.Size/int64(x.block) + 1
	acked := int64(0)
	if options != "" {
		acked = -1 // the answer to the options is block 0
	}
	heard := clock.Real{}.Now()
	began, resend := heard, resendAfter
	// again: the window is out anew. echo: it is out twice, so that the client will say once more how far it came.
	for sent, again, echo := acked, false, false; acked < last; {
		if sent == acked && !x.maySend() {
			sent, began = acked+1, clock.Real{}.Now() // the answer to what was sent before may still come
		} else if sent == acked { // a window is due
			var err error
			if sent, err = x.send(acked, last, options); err != nil {
				x.server.refuse(x.conn, x.to, errOther, "the file cannot be read any more")
				return
			}
			began = clock.Real{}.Now()
			if again {
				x.server.resent.Add(1)
			}
		}
		n, ok := x.wait(resend - clock.Real{}.Now().Sub(began)) // answers that say nothing new do not put it off
		switch {
		case !ok:
			return
		case n < 0: // nothing
			if (clock.Real{}).Now().Sub(heard) > silence {
				return
			}
			resend, sent, again, echo = min(2*resend, maxResend), acked, true, true
			continue
		}
		block := acked + int64(uint16(n)-uint16(acked)) // where the 16 bits stand
		switch {
		case block > sent || block < acked:
		case block == acked && x.window == 1, block == acked && again: // told twice
		case block == acked && echo: // else every window from now on would be sent twice
			echo = false
		case block == acked:
			sent, again, echo = acked, true, true // the first block of the window was lost
		default:
			again = block < sent
			if again {
				x.server.resent.Add(1)
			}
			acked, sent = block, block
			x.server.live.markHeard(x)
			heard, resend = clock.Real{}.Now(), resendAfter
		}
	}
}

// maySend reports whether the next window may be sent: to a client that never answered, only the first, and not often.
func (x *transfer) maySend() bool {
	if x.hasAnswered() {
		return true
	}
	if x.unheard == maxUnheard || !x.server.live.mayStart(x.to) {
		return false
	}
	x.unheard++
	return true
}

// send sends the window behind acked, and gives the last block of it. What the network does not take is lost as on its
// way; only the file can fail.
func (x *transfer) send(acked, last int64, options string) (sent int64, err error) {
	if acked < 0 {
		x.conn.WriteTo(append([]byte{0, opOAck}, options...), x.to)
		return 0, nil
	}
	if x.buf == nil { // not before the client has answered: it may be nobody's address
		x.buf, x.packet = make([]byte, x.window*x.block), make([]byte, 4+x.block)
	}
	from := acked * int64(x.block)
	content := x.buf[:min(int64(x.window)*int64(x.block), x.content.Size-from)]
	if n, err := x.content.ReadAt(content, from); n < len(content) {
		return acked, err
	}
	for sent = acked; sent < min(acked+int64(x.window), last); {
		sent++
		n := min(x.block, len(content))
		p := binary.BigEndian.AppendUint16(x.packet[:0], opData)
		p = append(binary.BigEndian.AppendUint16(p, uint16(sent)), content[:n]...)
		content = content[n:]
		x.conn.WriteTo(p, x.to)
	}
	return sent, nil
}

// wait gives the block that is acknowledged, -1 if none is in time. It is not ok if the transfer is over.
func (x *transfer) wait(d time.Duration) (block int, ok bool) {
	if x.conn.SetReadDeadline(clock.Real{}.Now().Add(d)) != nil {
		return 0, false
	}
	for {
		n, from, err := x.conn.ReadFrom(x.answer[:])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return -1, true
		case err != nil:
			return 0, false
		case n < 4 || from.String() != x.to.String():
			continue
		}
		switch binary.BigEndian.Uint16(x.answer[:]) {
		case opAck:
			return int(binary.BigEndian.Uint16(x.answer[2:])), true
		case opError:
			return 0, false
		}
	}
}
