// Package serve is the station's side of every transfer: an HTTP and a TFTP server that offer what a run needs and
// nothing else, and the share of a TFTP port that processes have. It owns the listening sockets and counts what it
// sent; it does not know what the bytes are.
package serve

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// Content is what can be offered. If its ReaderAt is FileBacked, the kernel may send it without a copy.
type Content struct {
	Name string // for people and logs
	Size int64  // bytes
	io.ReaderAt
}

// Text returns a Content of a text.
func Text(name, text string) Content {
	return Content{name, int64(len(text)), strings.NewReader(text)}
}

// HTTP serves contents at paths that cannot be guessed. It is safe for concurrent use.
type HTTP struct {
	l   net.Listener
	srv *http.Server

	mu     sync.Mutex // guards what follows
	offers map[string]Offer
}

// Offer is a content and who may fetch it. Its functions are called by the server's goroutines.
type Offer struct {
	Content
	Path      string            // where it is served; "" is a path that cannot be guessed
	Peer      string            // the only address that may fetch it; "" is any
	OnSent    func(n int64)     // called with the bytes of each piece that was sent; may be nil
	OnRequest func(from string) // called with the client's address; may be nil
	OnPut     func(r io.Reader) // reads the body of a PUT; may be nil
}

// maxHeader is the longest header of a request, in bytes.
const maxHeader = 16 << 10

// NewHTTP serves on l. Close closes l.
func NewHTTP(l net.Listener) *HTTP {
	h := &HTTP{l: l, offers: map[string]Offer{}}
	h.srv = &http.Server{Handler: h, ReadHeaderTimeout: 30 * time.Second, MaxHeaderBytes: maxHeader}
	go h.srv.Serve(l)
	return h
}

// Port returns the port on which it listens.
func (h *HTTP) Port() string {
	_, port, _ := net.SplitHostPort(h.l.Addr().String())
	return port
}

// Offer serves o until withdraw is called, and returns its path.
func (h *HTTP) Offer(o Offer) (path string, withdraw func()) {
	path = o.Path
	if path == "" {
		path = "/" + rand.Text() + "/" + o.Name
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.offers[path] = o
	return path, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.offers, path)
	}
}

// ServeHTTP implements http.Handler.
func (h *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	o, ok := h.offers[r.URL.Path]
	h.mu.Unlock()
	peer, _, _ := net.SplitHostPort(r.RemoteAddr)
	if !ok || o.Peer != "" && o.Peer != peer {
		http.NotFound(w, r)
		return
	}
	if o.OnRequest != nil {
		o.OnRequest(peer)
	}
	if o.OnPut != nil && r.Method == http.MethodPut {
		o.OnPut(&stallReader{r.Body, http.NewResponseController(w)})
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	from, length := queryRange(r.URL.Query(), o.Size)
	c := &cursor{content: o.Content, from: from, size: length}
	defer c.close()
	http.ServeContent(countingWriter{w, o.OnSent}, r, "", time.Time{}, c)
}

// putStall is how long a board may send nothing of a PUT that it began: a board that sends less than announced
// waits for a response.
const putStall = 20 * time.Second

// stallReader returns an error when nothing arrives for putStall.
type stallReader struct {
	body io.Reader
	conn *http.ResponseController
}

func (p *stallReader) Read(b []byte) (int, error) {
	if err := p.conn.SetReadDeadline(clock.Real{}.Now().Add(putStall)); err != nil {
		return 0, err
	}
	return p.body.Read(b)
}

// queryRange returns the range in the parameters from and length: busybox's wget cannot send a Range header.
func queryRange(q url.Values, size int64) (from, length int64) {
	from, err := strconv.ParseInt(q.Get("from"), 10, 64)
	if err != nil || from < 0 || from > size {
		return 0, size
	}
	length, err = strconv.ParseInt(q.Get("length"), 10, 64)
	if err != nil || length < 0 {
		return from, size - from
	}
	return from, min(length, size-from)
}

// Close stops the server and every transfer.
func (h *HTTP) Close() error { return h.srv.Close() }

// SourceAddress returns the address of the station from which peer is reached.
func SourceAddress(ctx context.Context, peer string) (string, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", net.JoinHostPort(peer, "9")) // sends nothing
	if err != nil {
		return "", classify.WithHint(classify.Wrap(err, classify.ConfigPlan, "there is no route to the board at %s", peer),
			"set net.http and net.tftp in the policy to the station's address as the board sees it")
	}
	defer conn.Close()
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	return host, err
}
