package fastboot

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/engine/clock"
)

// Kinds of packets.
const (
	packetError = iota
	packetQuery
	packetInit
	packetFastboot
)

const (
	packetHead   = 4    // kind, flags, sequence number
	continues    = 1    // flag: the next packet continues the message
	minPacket    = 512  // that every device takes
	ownPacket    = 8192 // that this host takes
	udpVersion   = 1
	resendAfter  = 500 * time.Millisecond
	pollInterval = 20 * time.Millisecond // while the device has no answer yet
)

// udpLink sends a packet and waits for the device's with the same sequence number, until it comes. To receive, the
// host sends empty packets.
type udpLink struct {
	conn     net.Conn
	clock    clock.Clock
	sequence uint16
	size     int // of a packet
	packets  chan []byte
	gone     chan struct{} // closed when nothing can be received any more
	err      error         // then
}

func dialUDP(ctx context.Context, address string, clk clock.Clock) (link, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", address)
	if err != nil {
		return nil, err
	}
	l := &udpLink{conn: conn, clock: clk, size: minPacket, packets: make(chan []byte, 1), gone: make(chan struct{})}
	go l.read()
	if err := l.greet(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return l, nil
}

// greet asks for the sequence number, and agrees on the size of packets.
func (l *udpLink) greet(ctx context.Context) error {
	p, err := l.packet(ctx, packetQuery, false, nil)
	if err != nil {
		return err
	}
	if len(p) < 2 {
		return fmt.Errorf("the device answers a query with %d bytes", len(p))
	}
	l.sequence = binary.BigEndian.Uint16(p)
	own := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, udpVersion), ownPacket)
	if p, err = l.packet(ctx, packetInit, false, own); err != nil {
		return err
	}
	if len(p) < 4 || binary.BigEndian.Uint16(p) < udpVersion || binary.BigEndian.Uint16(p[2:]) < minPacket {
		return fmt.Errorf("the device greets with %x", p)
	}
	l.size = min(ownPacket, int(binary.BigEndian.Uint16(p[2:])))
	return nil
}

// read receives packets until the connection is closed. A device that is not there yet refuses them, which is no
// end.
func (l *udpLink) read() {
	defer close(l.gone)
	buf := make([]byte, 64<<10)
	for {
		n, err := l.conn.Read(buf)
		if err != nil && isRefused(err) {
			continue
		}
		if err != nil {
			l.err = err
			return
		}
		select {
		case <-l.packets: // that nothing waited for
		default:
		}
		l.packets <- append([]byte(nil), buf[:n]...) // only this goroutine sends
	}
}

func (l *udpLink) close() error {
	err := l.conn.Close()
	<-l.gone
	return err
}

func (l *udpLink) send(ctx context.Context, p []byte) error {
	for {
		n := min(len(p), l.size-packetHead)
		if _, err := l.packet(ctx, packetFastboot, n < len(p), p[:n]); err != nil {
			return err
		}
		if p = p[n:]; len(p) == 0 {
			return nil
		}
	}
}

func (l *udpLink) receive(ctx context.Context) ([]byte, error) {
	for {
		p, err := l.packet(ctx, packetFastboot, false, nil)
		if err != nil || len(p) > 0 {
			return p, err
		}
		if err := l.clock.Sleep(ctx, pollInterval); err != nil {
			return nil, err
		}
	}
}

// packet sends a packet until the device answers it, and returns the data of the answer, with those of the packets
// that continue it.
func (l *udpLink) packet(ctx context.Context, kind byte, more bool, data []byte) (answer []byte, err error) {
	for {
		flags := byte(0)
		if more {
			flags = continues
		}
		sequence := l.sequence
		if kind == packetQuery {
			sequence = 0
		}
		p := append(binary.BigEndian.AppendUint16([]byte{kind, flags}, sequence), data...)
		got, err := l.repeat(ctx, p)
		if err != nil {
			return nil, err
		}
		if kind != packetQuery {
			l.sequence++
		}
		if got[0] == packetError {
			return nil, fmt.Errorf("the device reports: %s", got[packetHead:])
		}
		if answer = append(answer, got[packetHead:]...); len(answer) > maxAnswer {
			return nil, fmt.Errorf("a message has more than %d bytes", maxAnswer)
		}
		if got[1]&continues == 0 {
			return answer, nil
		}
		more, data = false, nil
	}
}

// repeat sends a packet until the device answers it.
func (l *udpLink) repeat(ctx context.Context, p []byte) ([]byte, error) {
	for {
		if _, err := l.conn.Write(p); err != nil && !isRefused(err) {
			return nil, err
		}
		late, stop := clock.After(l.clock, resendAfter)
		got, err := l.await(ctx, p, late)
		stop()
		if got != nil || err != nil {
			return got, err
		}
	}
}

// await returns the device's answer to a packet, nil if it is late.
func (l *udpLink) await(ctx context.Context, p []byte, late <-chan struct{}) ([]byte, error) {
	for {
		select {
		case got := <-l.packets:
			if len(got) >= packetHead && (got[0] == p[0] || got[0] == packetError) && got[2] == p[2] && got[3] == p[3] {
				return got, nil
			}
		case <-late:
			return nil, nil
		case <-l.gone:
			return nil, l.err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// isRefused reports whether the other end has no socket at the port.
func isRefused(err error) bool { return errors.Is(err, unix.ECONNREFUSED) }
