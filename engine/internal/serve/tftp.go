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

// TFTP, RFC 1350, with the options of RFC 2347, 2348 (blksize), 2349 (tsize, timeout) and 7440 (windowsize). It
// reads only, and sends what was offered, by name.
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
	// maxInFlight is how many bytes are sent before an acknowledgement: what does not fit into a board's network
	// card is lost.
	maxInFlight = 128 << 10
	// A board that lost a block waits for it. A slow one still holds the window: together with a second copy, it
	// may not fit into its network card, and U-Boot does not always recover from that.
	resendAfter = 500 * time.Millisecond // doubled each time
	maxResend   = time.Second
	silence     = 10 * time.Second // without an acknowledgement ends a transfer
)

// TFTP serves contents by name. It is safe for concurrent use.
type TFTP struct {
	conn   net.PacketConn
	listen func() (net.PacketConn, error) // opens a socket for one transfer
	resent atomic.Int64
	live   *transfers

	mu    sync.Mutex // guards what follows
	files map[string]Content
	only  string // the address of the board, "" while it is not known
}

// NewTFTP serves on conn, which Close closes. listen opens a socket for each transfer; it must have the same
// address as conn.
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

// RestrictTo serves only the board at an address, if that is in a network of the station: behind a router the
// board may have another. This machine is always served.
func (t *TFTP) RestrictTo(address string) {
	if !onLocalNetwork(address) {
		address = ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.only = address
}

// onLocalNetwork reports whether an address is in a network of the station.
func onLocalNetwork(address string) bool {
	ip := net.ParseIP(address)
	nets, err := net.InterfaceAddrs()
	return err == nil && ip != nil && slices.ContainsFunc(nets, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.Contains(ip)
	})
}

// allowed reports whether a client may request files.
func (t *TFTP) allowed(from net.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	host, _, err := net.SplitHostPort(from.String())
	return t.only == "" || err == nil && (host == t.only || net.ParseIP(host).IsLoopback())
}

// TakeResent returns how many windows were sent again since the last call.
func (t *TFTP) TakeResent() int64 { return t.resent.Swap(0) }

// Close frees the port and ends all transfers.
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
		case op == opError: // answering an error could loop for ever
		default:
			t.refuse(t.conn, from, errIllegal, "not a request")
		}
	}
}

// begin starts a transfer. A client that repeats a request ends its previous transfer.
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

// file returns the content that is offered under a name.
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

// transfer sends one file to one client.
type transfer struct {
	server  *TFTP
	conn    net.PacketConn
	to      net.Addr
	request string
	began   time.Time
	content Content
	block   int    // bytes
	window  int    // blocks that are sent before an acknowledgement
	buf     []byte // content of a window
	packet  []byte
	answer  [1 << 10]byte

	answered atomic.Int64 // when the client last answered, in nanoseconds since 1970; 0 is never
	unheard  int          // sends before its first answer
}

func (x *transfer) end() {
	x.conn.Close()
	x.server.live.remove(x)
}

// negotiate applies the options that it knows, each once, and returns the acknowledgement of them, "" if there are
// none.
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
		case name == "timeout" && n >= 1 && n <= 255: // our own is shorter
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

// run sends the file. Blocks count from 1; the last one is shorter than the others, possibly empty.
func (x *transfer) run(options string) {
	last := x.content.Size/int64(x.block) + 1
	acked := int64(0)
	if options != "" {
		acked = -1 // the client acknowledges the options with block 0
	}
	heard := clock.Real{}.Now()
	began, resend := heard, resendAfter
	// resending: the window was sent again. duplicated: it was sent twice, so the client will repeat its
	// acknowledgement.
	for sent, resending, duplicated := acked, false, false; acked < last; {
		if sent == acked && !x.maySend() {
			sent, began = acked+1, clock.Real{}.Now() // the acknowledgement of earlier packets may still arrive
		} else if sent == acked { // the next window
			var err error
			if sent, err = x.send(acked, last, options); err != nil {
				x.server.refuse(x.conn, x.to, errOther, "the file cannot be read any more")
				return
			}
			began = clock.Real{}.Now()
			if resending {
				x.server.resent.Add(1)
			}
		}
		n, ok := x.wait(resend - clock.Real{}.Now().Sub(began)) // repeated acknowledgements do not postpone it
		switch {
		case !ok:
			return
		case n < 0: // timeout
			if (clock.Real{}).Now().Sub(heard) > silence {
				return
			}
			resend, sent, resending, duplicated = min(2*resend, maxResend), acked, true, true
			continue
		}
		block := acked + int64(uint16(n)-uint16(acked)) // extend the 16 bits of the block number
		switch {
		case block > sent || block < acked:
		case block == acked && x.window == 1, block == acked && resending: // a repeated acknowledgement
		case block == acked && duplicated: // otherwise every later window would be sent twice
			duplicated = false
		case block == acked:
			sent, resending, duplicated = acked, true, true // the first block of the window was lost
		default:
			resending = block < sent
			if resending {
				x.server.resent.Add(1)
			}
			acked, sent = block, block
			x.server.live.markHeard(x)
			heard, resend = clock.Real{}.Now(), resendAfter
		}
	}
}

// maySend reports whether the next window may be sent. A client that has never answered gets only the first one,
// and only a few times.
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

// send sends the window after block acked, and returns its last block. Packets that the network refuses count as
// lost; only reading the file can fail.
func (x *transfer) send(acked, last int64, options string) (sent int64, err error) {
	if acked < 0 {
		x.conn.WriteTo(append([]byte{0, opOAck}, options...), x.to)
		return 0, nil
	}
	if x.buf == nil { // not before the client has answered: its address may be forged
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

// wait returns the acknowledged block, -1 if none arrives in time. It is not ok if the transfer is over.
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
