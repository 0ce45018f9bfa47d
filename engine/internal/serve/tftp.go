package serve

import (
	"encoding/binary"
	"net"
	"slices"
	"strings"
	"sync"
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
)

// TFTP serves contents by name. It is safe for concurrent use.
type TFTP struct {
	conn   net.PacketConn
	listen func() (net.PacketConn, error) // opens a socket for one transfer
	live   *transfers

	mu    sync.Mutex // guards what follows
	files map[string]Content
	only  string // the address of the board, "" while it is not known
	last  Load
	onAck func(Load)
}

// NewTFTP serves on conn, which Close closes. listen opens a socket for each transfer; it must have the same
// address as conn.
func NewTFTP(conn net.PacketConn, listen func() (net.PacketConn, error)) *TFTP {
	t := &TFTP{conn: conn, listen: listen, files: map[string]Content{}, live: newTransfers()}
	go t.serve()
	return t
}

// Offer serves c under its name until withdraw is called.
func (t *TFTP) Offer(c Content) (withdraw func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.files[c.Name] = c
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.files, c.Name)
	}
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

// begin starts a transfer. A client that requests something else ends its previous transfer.
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
	case t.live.repeat(from, request):
		return
	}
	conn, err := t.listen()
	if err != nil {
		return
	}
	x := newTransfer(t, conn, from, request, content)
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

// file returns the content that is offered under a name. GRUB writes a slash before it.
func (t *TFTP) file(name string) (Content, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.files[strings.TrimLeft(name, "/")]
	return c, ok
}

func (t *TFTP) refuse(conn net.PacketConn, to net.Addr, code uint16, text string) {
	p := binary.BigEndian.AppendUint16([]byte{0, opError}, code)
	conn.WriteTo(append(append(p, text...), 0), to)
}
