package serve

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/pin/tftp/v3"

	"github.com/flashlua/flashlua/classify"
)

// tftpPort is where U-Boot asks; it cannot be told otherwise.
const tftpPort = 69

const (
	tftpTimeout = time.Second // until a block is sent again
	tftpRetries = 10
)

// TFTP serves contents by name, read only.
type TFTP struct {
	srv  *tftp.Server
	conn *net.UDPConn

	mu    sync.Mutex
	files map[string]Content
	done  bool
}

// ListenTFTP listens on host, "" for every address. port 0 means 69, which only root or a program with the capability
// may use.
func ListenTFTP(host string, port int) (*TFTP, error) {
	if port == 0 {
		port = tftpPort
	}
	address, err := net.ResolveUDPAddr("udp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, classify.Wrap(err, classify.ConfigPlan, "cannot serve by TFTP")
	}
	conn, err := net.ListenUDP("udp", address)
	if err != nil {
		return nil, listenError(err, address)
	}
	t := &TFTP{conn: conn, files: map[string]Content{}}
	t.srv = tftp.NewServer(t.read, nil)
	t.srv.SetTimeout(tftpTimeout)
	t.srv.SetRetries(tftpRetries)
	go t.srv.Serve(conn)
	return t, nil
}

// listenError explains why the port cannot be had, and names who has it.
func listenError(err error, at *net.UDPAddr) error {
	e := classify.Wrap(err, classify.ConfigPlan, "cannot serve the board's files by TFTP at %s", at)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return classify.WithHint(e, "port %d is in use by %s; end it", at.Port, udpHolder(at.Port))
	case errors.Is(err, syscall.EACCES):
		return classify.WithHint(e, "run as root, or once: sudo setcap cap_net_bind_service=+ep flashlua")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return classify.WithHint(e, "net.tftp and net.listen in the policy must be addresses of this machine")
	}
	return e
}

// Offer serves c under its name.
func (t *TFTP) Offer(c Content) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.files[c.Name] = c
}

func (t *TFTP) read(name string, to io.ReaderFrom) error {
	t.mu.Lock()
	c, ok := t.files[name]
	t.mu.Unlock()
	if !ok {
		return fs.ErrNotExist
	}
	if x, ok := to.(tftp.OutgoingTransfer); ok {
		x.SetSize(c.Size)
	}
	_, err := to.ReadFrom(stoppable{t, io.NewSectionReader(c, 0, c.Size)})
	return err
}

// stoppable ends when the server is closed.
type stoppable struct {
	t *TFTP
	r io.Reader
}

func (s stoppable) Read(p []byte) (int, error) {
	s.t.mu.Lock()
	done := s.t.done
	s.t.mu.Unlock()
	if done {
		return 0, net.ErrClosed
	}
	return s.r.Read(p)
}

// Close frees the port at once. Transfers under way end with their next block or retry.
func (t *TFTP) Close() error {
	t.mu.Lock()
	t.done = true
	t.mu.Unlock()
	err := t.conn.Close()
	go t.srv.Shutdown() // waits for those transfers
	return err
}
