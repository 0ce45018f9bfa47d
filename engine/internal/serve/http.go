// Package serve is the station's side of every transfer: an HTTP and a TFTP server that offer what a run needs and
// nothing else. It owns the listening sockets and counts what it sent; it does not know what the bytes are.
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

// Content is what can be offered. If its ReaderAt is a Filed, the kernel may send it without a copy.
type Content struct {
	Name string // for people and logs
	Size int64  // bytes
	io.ReaderAt
}

// Text is a small Content.
func Text(name, text string) Content {
	return Content{name, int64(len(text)), strings.NewReader(text)}
}

// HTTP serves contents at paths that cannot be guessed.
type HTTP struct {
	l   net.Listener
	srv *http.Server

	mu     sync.Mutex
	offers map[string]Offer
}

// Offer is a content and who may have it.
type Offer struct {
	Content
	Peer      string            // the only address that gets it; "" is any
	OnSent    func(n int64)     // told of every piece that went out; may be nil
	OnRequest func(from string) // told of the address that asks; may be nil
	OnPut     func(r io.Reader) // gets what a PUT brings; may be nil
}

// maxHeader is how long the header of a request may be, in bytes.
const maxHeader = 16 << 10

// NewHTTP serves on l, which it closes in the end.
func NewHTTP(l net.Listener) *HTTP {
	h := &HTTP{l: l, offers: map[string]Offer{}}
	h.srv = &http.Server{Handler: h, ReadHeaderTimeout: 30 * time.Second, MaxHeaderBytes: maxHeader}
	go h.srv.Serve(l)
	return h
}

// Port is where it listens.
func (h *HTTP) Port() string {
	_, port, _ := net.SplitHostPort(h.l.Addr().String())
	return port
}

// Offer serves o until withdraw is called, and gives its path. The functions of o are called from the server's
// goroutines.
func (h *HTTP) Offer(o Offer) (path string, withdraw func()) {
	path = "/" + rand.Text() + "/" + o.Name
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

// putStall is how long a board may send nothing of what it promised: one that sends less waits for an answer.
const putStall = 20 * time.Second

// stallReader reads until nothing comes.
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

// queryRange is what a query for from and length asks for: busybox's wget cannot ask for a range.
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

// Close ends the server and every transfer.
func (h *HTTP) Close() error { return h.srv.Close() }

// SourceAddress gives the address of this machine that a board at peer sees.
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
