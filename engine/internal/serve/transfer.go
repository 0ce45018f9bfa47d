package serve

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

const (
	// A board that lost a block waits for it. A slow one still holds the window: together with a second copy, it
	// may not fit into its network card, and U-Boot does not always recover from that.
	resendAfter = 500 * time.Millisecond // doubled each time
	maxResend   = time.Second
	silence     = 10 * time.Second // without an acknowledgement ends a transfer
)

// transfer sends one file to one client.
type transfer struct {
	server  *TFTP
	conn    net.PacketConn
	to      net.Addr
	client  string // to, as a text
	request string
	began   time.Time
	content Content
	block   int // bytes
	last    int64
	options string // the acknowledgement of the client's options; "" if there are none
	burst   burst
	buf     []byte // content of a window
	packet  []byte
	answer  [1 << 10]byte

	answered atomic.Int64 // when the client last answered, in nanoseconds since 1970; 0 is never
	repeated atomic.Int64 // how often the client has repeated its request
	unheard  int64        // sends before its first answer

	acked  int64 // the last block that the client acknowledged; 0 is the acknowledgement of the options
	sent   int64 // the last block of the flight: the blocks after acked that are under way
	high   int64 // the last block that was ever sent, but for probes; a repeated flight may end before it
	resent int64 // blocks that were sent again
	// superseded is the last block of the flight before, if the present flight repeats a part of it; otherwise -1.
	// The client may receive that part twice.
	superseded int64
	duplicates bool // the client may repeat an acknowledgement, because it received blocks twice
}

func newTransfer(t *TFTP, conn net.PacketConn, to net.Addr, request string, content Content) *transfer {
	return &transfer{
		server: t, conn: conn, to: to, client: to.String(), request: request, began: clock.Real{}.Now(), content: content, block: defaultBlock,
		burst: newBurst(1), superseded: -1,
	}
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
		n = min(n, maxWindow, max(maxInFlight/int64(x.block), 1))
		x.burst = newBurst(n)
		values["windowsize"] = n
	}
	var answer strings.Builder
	for _, name := range names {
		fmt.Fprintf(&answer, "%s\x00%d\x00", name, values[name])
	}
	return answer.String()
}

// run sends the file. Blocks count from 1; the last one is shorter than the others, possibly empty.
func (x *transfer) run(options string) {
	x.options, x.last = options, x.content.Size/int64(x.block)+1
	if options != "" {
		x.acked = -1 // the client acknowledges the options with block 0
	}
	x.sent = x.acked
	x.note()
	heard := clock.Real{}.Now()
	began, resend := heard, resendAfter
	for x.acked < x.last {
		if x.sent == x.acked {
			if err := x.sendFlight(); err != nil {
				sendError(x.conn, x.to, errOther, "the file cannot be read any more")
				return
			}
			began = clock.Real{}.Now()
		}
		n, ok := x.wait(resend - clock.Real{}.Now().Sub(began)) // repeated acknowledgements do not postpone it
		switch {
		case !ok:
			return
		case n < 0: // timeout
			if (clock.Real{}).Now().Sub(heard) > silence {
				return
			}
			resend = min(2*resend, maxResend)
			if x.acked >= 0 {
				x.burst.late()
			}
			x.repeat()
			x.duplicates = true
		default:
			before := x.acked
			if x.acknowledge(x.acked + int64(uint16(n)-uint16(x.acked))); x.acked > before { // n has 16 bits of the number
				x.server.live.markHeard(x)
				heard, resend = clock.Real{}.Now(), resendAfter
				if x.sent > x.acked { // blocks that were added to the flight
					began = heard
				}
				x.note()
			}
		}
		if x.burst.hopeless() {
			x.giveUp()
			return
		}
	}
}

// acknowledge acts upon an acknowledgement.
func (x *transfer) acknowledge(block int64) {
	switch {
	case block > x.high || block < x.acked:
	case block == x.acked && (x.burst.window == 1 || x.superseded >= 0): // a repeated acknowledgement
	case block == x.acked && x.duplicates: // otherwise every later window would be sent twice
		x.duplicates = false
	case block == x.acked: // the first block of the flight was lost
		x.repeat()
		x.duplicates = true
	case block >= x.sent:
		if x.superseded < 0 {
			x.burst.arrived()
		}
		x.acked, x.sent, x.superseded = block, block, -1
	case block == x.superseded:
		// The client had all of the flight before, and acknowledged it because the present one repeats a block.
		// The rest of the present flight is still under way. Sending it again would go on for ever.
		x.acked, x.superseded = block, -1
		x.extend()
	default: // the block after it was lost
		x.acked = block
		x.repeat()
	}
}

// repeat has the blocks after the last acknowledgement sent again.
func (x *transfer) repeat() {
	if x.acked >= 0 && x.sent > x.acked {
		x.resent += x.sent - x.acked
	}
	x.superseded, x.sent = max(x.superseded, x.sent), x.acked
}

// giveUp ends a transfer whose client loses blocks again and again: it may ask for a smaller window.
func (x *transfer) giveUp() {
	sendError(x.conn, x.to, errOther, "blocks are lost again and again: the window is too large")
	l := x.progress()
	l.WindowTooLarge = true
	x.server.note(l)
}

func (x *transfer) note() { x.server.note(x.progress()) }

func (x *transfer) progress() Load {
	return Load{
		Name: x.content.Name, Client: x.client, Size: x.content.Size, Block: x.block, Blocks: x.last, Acked: x.acked, Resent: x.resent,
	}
}

// maySend reports whether the next flight may be sent. A client that has never answered gets only the first one,
// as often as it asks for it, and a few times more.
func (x *transfer) maySend() bool {
	if x.hasAnswered() {
		return true
	}
	if x.unheard >= maxUnheard+x.repeated.Load() || !x.server.live.mayStart(x.to) {
		return false
	}
	x.unheard++
	return true
}

// sendFlight sends the blocks after the last acknowledgement, as many as may be under way. Packets that the network
// refuses count as lost; only reading the file can fail.
func (x *transfer) sendFlight() error {
	if !x.maySend() { // the acknowledgement of earlier packets may still arrive
		x.sent = x.acked + 1
		return nil
	}
	if x.acked < 0 {
		x.conn.WriteTo(append([]byte{0, opOAck}, x.options...), x.to)
		x.sent = 0
		return nil
	}
	n, probe := x.burst.next(x.last - x.acked)
	if err := x.send(x.acked+1, x.acked+n); err != nil || !probe {
		return err
	}
	return x.probe(x.sent + 2)
}

// extend sends the blocks after the flight, as many as fit into the window after the last acknowledgement.
func (x *transfer) extend() {
	if to := min(x.acked+x.burst.window, x.last); to > x.sent {
		x.send(x.sent+1, to) // an error comes again with the next flight
	}
}

// send sends blocks, and makes the last one the end of the flight.
func (x *transfer) send(first, last int64) error {
	if x.buf == nil { // not before the client has answered: its address may be forged
		x.buf, x.packet = make([]byte, x.burst.window*int64(x.block)), make([]byte, 4+x.block)
	}
	from := (first - 1) * int64(x.block)
	content := x.buf[:min((last-first+1)*int64(x.block), x.content.Size-from)]
	if n, err := x.content.ReadAt(content, from); n < len(content) {
		return err
	}
	for number := first; number <= last; number++ {
		n := min(x.block, len(content))
		p := binary.BigEndian.AppendUint16(x.packet[:0], opData)
		p = append(binary.BigEndian.AppendUint16(p, uint16(number)), content[:n]...)
		content = content[n:]
		x.conn.WriteTo(p, x.to)
	}
	x.sent, x.high = last, max(x.high, last)
	return nil
}

// probe sends a block that the client cannot use yet. It acknowledges what it has then, as if a block had been lost.
// Source: RFC 7440, section 4.
func (x *transfer) probe(block int64) error {
	sent, high := x.sent, x.high
	err := x.send(block, block)
	x.sent, x.high = sent, high
	return err
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
		case n < 4 || from.String() != x.client:
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
