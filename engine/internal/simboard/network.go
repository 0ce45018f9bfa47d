package simboard

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

// The board's network is that of a guest under QEMU: its own address, and the station as its gateway.
var (
	address = netip.MustParsePrefix("10.0.2.15/24")
	// Station is the station's address as the board sees it.
	Station = netip.MustParseAddr("10.0.2.2")
)

// lease is the DHCP server's answer.
func lease(context.Context) (netip.Prefix, netip.Addr, error) { return address, Station, nil }

// real is the network of the station.
type real struct{}

func (real) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

func (real) ListenPacket(ctx context.Context, network, addr string) (net.PacketConn, error) {
	return new(net.ListenConfig).ListenPacket(ctx, network, addr)
}

// route returns the host to connect to for one that the board names: the station is this machine.
func route(host string) string {
	if host == Station.String() {
		return "127.0.0.1"
	}
	return host
}

// dial opens a connection of Linux. A long answer on it may be cut.
func (b *Board) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	h, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	conn, err := b.cfg.Network.DialContext(ctx, network, net.JoinHostPort(route(h), port))
	if err != nil {
		return nil, err
	}
	return &download{Conn: conn, b: b}, nil
}

// download is a connection on which a long answer may be cut.
type download struct {
	net.Conn
	b    *Board
	read int64
	cut  int64 // where it is cut, 0 until that is known
}

// long is the least size of an answer that is cut, in bytes: the image, not the helper script.
const long = 64 << 10

func (d *download) Read(p []byte) (int, error) {
	if d.cut == 0 && d.read >= long {
		d.cut = -1
		if d.b.faults.trigger(FaultHTTP) {
			d.cut = d.read + d.b.faults.place(FaultHTTP, 1<<20)
		}
	}
	if d.cut > 0 && d.read >= d.cut {
		d.Conn.Close()
		return 0, syscall.ECONNRESET
	}
	n, err := d.Conn.Read(p)
	d.read += int64(n)
	return n, err
}

// Wire is a network in memory between a board and the servers of one station, so that neither needs a port of this
// machine. Hosts do not count on it, ports do. The zero value is ready.
type Wire struct {
	mu   sync.Mutex // guards what follows
	tcp  map[int]*wireListener
	udp  map[int]*packets
	next int
}

// Listen is net.Listen on the wire.
func (w *Wire) Listen(_ context.Context, _, addr string) (net.Listener, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := &wireListener{w: w, conns: make(chan net.Conn), closed: make(chan struct{})}
	if err := w.bind(addr, &l.port, func(port int) bool { return w.tcp[port] != nil }); err != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: err}
	}
	if w.tcp == nil {
		w.tcp = map[int]*wireListener{}
	}
	w.tcp[l.port] = l
	return l, nil
}

// ListenPacket is net.ListenPacket on the wire.
func (w *Wire) ListenPacket(_ context.Context, _, addr string) (net.PacketConn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &packets{w: w, incoming: make(chan packet, ring), closed: make(chan struct{})}
	if err := w.bind(addr, &p.port, func(port int) bool { return w.udp[port] != nil }); err != nil {
		return nil, &net.OpError{Op: "listen", Net: "udp", Err: err}
	}
	if w.udp == nil {
		w.udp = map[int]*packets{}
	}
	w.udp[p.port] = p
	return p, nil
}

// firstPort is the first of the ports that the wire chooses.
const firstPort = 30000

// bind finds the port that addr asks for.
func (w *Wire) bind(addr string, port *int, taken func(int) bool) error {
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if *port, err = strconv.Atoi(text); err != nil {
		return err
	}
	if *port == 0 {
		w.next++
		*port = firstPort + w.next
	}
	if taken(*port) {
		return os.NewSyscallError("bind", syscall.EADDRINUSE)
	}
	return nil
}

// DialContext implements Network.
func (w *Wire) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	l := w.tcp[port]
	w.mu.Unlock()
	refused := &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	if l == nil {
		return nil, refused
	}
	board, station := net.Pipe()
	select {
	case l.conns <- station:
		return board, nil
	case <-l.closed:
		return nil, refused
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

type wireListener struct {
	w      *Wire
	port   int
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *wireListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *wireListener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.w.mu.Lock()
		defer l.w.mu.Unlock()
		delete(l.w.tcp, l.port)
	})
	return nil
}

func (l *wireListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: l.port} }

// packets is a UDP socket on the wire.
type packets struct {
	w        *Wire
	port     int
	incoming chan packet
	deadline atomic.Pointer[time.Time] // of reads
	closed   chan struct{}
	once     sync.Once
}

type packet struct {
	from net.Addr
	data []byte
}

// ring is how many packets wait for a reader; more are lost, as on a real card.
const ring = 64

func (p *packets) LocalAddr() net.Addr {
	return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p.port}
}

func (p *packets) ReadFrom(buf []byte) (int, net.Addr, error) {
	late := make(chan struct{})
	if at := p.deadline.Load(); at != nil && !at.IsZero() {
		defer clock.Real{}.AfterFunc(at.Sub(clock.Real{}.Now()), func() { close(late) })()
	}
	select {
	case in := <-p.incoming:
		return copy(buf, in.data), in.from, nil
	case <-late:
		return 0, nil, os.ErrDeadlineExceeded
	case <-p.closed:
		return 0, nil, net.ErrClosed
	}
}

func (p *packets) WriteTo(data []byte, to net.Addr) (int, error) {
	at, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, errors.New("not a UDP address")
	}
	p.w.mu.Lock()
	peer := p.w.udp[at.Port]
	p.w.mu.Unlock()
	if peer == nil {
		return len(data), nil
	}
	select {
	case peer.incoming <- packet{p.LocalAddr(), append([]byte(nil), data...)}:
	default:
	}
	return len(data), nil
}

func (p *packets) Close() error {
	p.once.Do(func() {
		close(p.closed)
		p.w.mu.Lock()
		defer p.w.mu.Unlock()
		delete(p.w.udp, p.port)
	})
	return nil
}

// SetReadDeadline is for the reads that begin after it.
func (p *packets) SetReadDeadline(t time.Time) error {
	p.deadline.Store(&t)
	return nil
}

func (p *packets) SetDeadline(time.Time) error      { return errors.ErrUnsupported }
func (p *packets) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }
