package serve

import (
	"encoding/binary"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
)

// TFTP, RFC 1350, with the options of RFC 2347, 2348 (blksize), 2349 (tsize, timeout) and 7440 (windowsize). It
// reads only, and sends what was offered, by name.
const (
	opNone  = 0
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

// TFTP serves contents by name. Requests come from a socket of its own, see Serve, or from a port that several
// servers share, see Join. It is safe for concurrent use.
type TFTP struct {
	token  string
	listen func() (net.PacketConn, error) // opens a socket for one transfer
	live   *transfers

	mu     sync.Mutex     // guards what follows
	conn   net.PacketConn // of Serve; nil is none
	files  map[string]Content
	only   string         // the address of the board, "" while it is not known
	boards []*switchboard // through which requests come
	last   Load
	onAck  func(Load)
}

// NewTFTP returns a server without a socket for requests. A client requests each file by its name, or by the token, a
// slash or a hyphen, and its name; the token may be "". listen opens a socket for each transfer.
func NewTFTP(token string, listen func() (net.PacketConn, error)) *TFTP {
	return &TFTP{token: token, listen: listen, files: map[string]Content{}, live: newTransfers()}
}

// Serve answers the requests that come to conn, which Close closes. Its address must be that of the sockets of
// transfers.
func (t *TFTP) Serve(conn net.PacketConn) {
	t.mu.Lock()
	t.conn = conn
	t.mu.Unlock()
	go func() {
		buf := make([]byte, maxRequest)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			t.handle(from, buf[:n])
		}
	}()
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
// board may have another. This machine is always served. Where several servers share a port, requests without a token
// that come from this address go to this server.
func (t *TFTP) RestrictTo(address string) {
	if !onLocalNetwork(address) {
		address = ""
	}
	t.mu.Lock()
	changed, boards := t.only != address, t.boards
	t.only = address
	t.mu.Unlock()
	if ip := net.ParseIP(address); ip != nil && ip.IsLoopback() { // of many boards, in an emulator's network
		address = ""
	}
	for _, b := range boards {
		if changed {
			b.move(t.token, address)
		}
	}
}

// share records a switchboard through which requests come.
func (t *TFTP) share(b *switchboard) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.boards = append(t.boards, b)
}

// Problem returns why no requests come at present, nil if no reason is known.
func (t *TFTP) Problem() error {
	t.mu.Lock()
	boards := t.boards
	t.mu.Unlock()
	for _, b := range boards {
		if err := b.problem(); err != nil {
			return err
		}
	}
	return nil
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

// Close closes the socket of Serve and ends all transfers.
func (t *TFTP) Close() error {
	before := t.live.close()
	t.mu.Lock()
	conn := t.conn
	t.mu.Unlock()
	if before || conn == nil {
		return nil
	}
	return conn.Close()
}

// maxRequest is the longest packet that is read at the port of requests, in bytes.
const maxRequest = 4 << 10

// handle acts upon a packet that came to the port of requests. It keeps no reference to the packet.
func (t *TFTP) handle(from net.Addr, packet []byte) {
	op := opOf(packet)
	switch {
	case op == opNone:
	case !t.allowed(from) && op != opError:
		t.refuse(from, errAccess, "this server is for another board")
	case op == opRead:
		t.begin(from, string(packet[2:]))
	default:
		if code, text := refusal(op); text != "" {
			t.refuse(from, code, text)
		}
	}
}

// opOf returns the opcode of a packet; opNone if it has none.
func opOf(packet []byte) uint16 {
	if len(packet) < 2 {
		return opNone
	}
	return binary.BigEndian.Uint16(packet)
}

// refusal returns the answer to a packet at the port of requests that requests no file; "" is none.
func refusal(op uint16) (code uint16, text string) {
	switch op {
	case opWrite:
		return errAccess, "this server is read only"
	case opError: // answering an error could loop for ever
		return 0, ""
	}
	return errIllegal, "not a request"
}

// begin starts a transfer. A client that requests something else ends its previous transfer.
func (t *TFTP) begin(from net.Addr, request string) {
	words := strings.Split(request, "\x00")
	if len(words) < 3 || !strings.EqualFold(words[1], "octet") {
		t.refuse(from, errIllegal, "only whole files in octet mode")
		return
	}
	content, ok := t.file(words[0])
	switch {
	case !ok:
		t.refuse(from, errNotFound, "File not found: "+words[0])
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
		t.refuse(from, errOther, "too many transfers at once")
		return
	}
	go func() {
		defer x.end()
		x.run(x.negotiate(words[2:]))
	}()
}

// file returns the content that is offered under a name. GRUB writes a slash before it.
func (t *TFTP) file(name string) (Content, bool) {
	name = strings.TrimLeft(name, "/")
	if rest, ok := strings.CutPrefix(name, t.token); ok && t.token != "" && rest != "" && isTokenEnd(rest[0]) {
		name = rest[1:]
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.files[name]
	return c, ok
}

// isTokenEnd reports whether a character separates a token from a file's name. The hyphen is for boot loaders, such as
// barebox, that look up each directory of a path.
func isTokenEnd(c byte) bool { return c == '/' || c == '-' }

// names returns the names of all files.
func (t *TFTP) names() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.files))
}

// refuse answers a packet that came to the port of requests with an error.
func (t *TFTP) refuse(to net.Addr, code uint16, text string) {
	t.mu.Lock()
	conn := t.conn
	t.mu.Unlock()
	if conn == nil {
		own, err := t.listen()
		if err != nil {
			return
		}
		defer own.Close()
		conn = own
	}
	sendError(conn, to, code, text)
}

// sendError sends an error. A text that is too long for a packet of 512 bytes is cut.
func sendError(conn net.PacketConn, to net.Addr, code uint16, text string) {
	p := binary.BigEndian.AppendUint16([]byte{0, opError}, code)
	conn.WriteTo(append(append(p, text[:min(len(text), defaultBlock-1)]...), 0), to)
}
