package serve

import (
	"io"
	"io/fs"
	"net"
	"sync"
	"time"

	"github.com/pin/tftp/v3"
)

const (
	tftpTimeout = time.Second // until a block is sent again
	tftpRetries = 10
)

// TFTP serves contents by name, read only.
type TFTP struct {
	srv  *tftp.Server
	conn net.PacketConn

	mu    sync.Mutex
	files map[string]Content
	done  bool
}

// NewTFTP serves on conn, which it closes in the end.
func NewTFTP(conn net.PacketConn) *TFTP {
	t := &TFTP{conn: conn, files: map[string]Content{}}
	t.srv = tftp.NewServer(t.read, nil)
	t.srv.SetTimeout(tftpTimeout)
	t.srv.SetRetries(tftpRetries)
	if _, real := conn.(*net.UDPConn); !real { // each transfer gets a port of this machine otherwise
		t.srv.EnableSinglePort()
	}
	go t.srv.Serve(conn)
	return t
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
