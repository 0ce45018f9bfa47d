package fastboot

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

// maxAnswer is the longest message of a device, in bytes. The protocol has 256.
const maxAnswer = 64 << 10

// tcpLink carries each message after its length, 8 bytes, big endian.
type tcpLink struct{ conn net.Conn }

func dialTCP(ctx context.Context, address string, _ clock.Clock) (link, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	l := &tcpLink{conn}
	version := make([]byte, 4)
	err = l.within(ctx, func() error {
		if _, err := io.WriteString(conn, "FB01"); err != nil {
			return err
		}
		_, err := io.ReadFull(conn, version)
		return err
	})
	if err == nil && string(version[:2]) != "FB" {
		err = fmt.Errorf("it greets with %q: it is not fastboot", version)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return l, nil
}

func (l *tcpLink) close() error { return l.conn.Close() }

func (l *tcpLink) send(ctx context.Context, p []byte) error {
	return l.within(ctx, func() error {
		_, err := l.conn.Write(append(binary.BigEndian.AppendUint64(nil, uint64(len(p))), p...))
		return err
	})
}

func (l *tcpLink) receive(ctx context.Context) (p []byte, err error) {
	err = l.within(ctx, func() error {
		var head [8]byte
		if _, err := io.ReadFull(l.conn, head[:]); err != nil {
			return err
		}
		n := binary.BigEndian.Uint64(head[:])
		if n > maxAnswer {
			return fmt.Errorf("a message has %d bytes", n)
		}
		p = make([]byte, n)
		_, err := io.ReadFull(l.conn, p)
		return err
	})
	return p, err
}

// within runs f, which uses the connection, until ctx ends.
func (l *tcpLink) within(ctx context.Context, f func() error) error {
	stop := context.AfterFunc(ctx, func() { l.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	err := f()
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return err
}
