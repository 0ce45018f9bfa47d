package labgrid

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/transport"
)

const (
	// connectTimeout bounds the connection to the coordinator.
	connectTimeout = 10 * time.Second
	// callTimeout bounds one call. A coordinator waits up to 10 s for the exporter of each resource of a place.
	callTimeout = time.Minute
	// pingAfter is the silence after which the connection is tested. A coordinator sends a ping every 10 s, and
	// closes connections that ping it more often than every 5 s.
	pingAfter = 15 * time.Second
	// maxMessage is the largest message that is read, in bytes. 1,000 places are about 1 MB.
	maxMessage = 64 << 20
)

// conn is one connection to a coordinator. It never reconnects, because the coordinator knows a client by its
// connection. Safe for concurrent use.
type conn struct {
	address  string // HOST:PORT
	identity string // the same for all spellings of the address
	clock    clock.Clock
	http     *http.ClientConn
}

// connect connects to the coordinator at address.
func connect(ctx context.Context, clk clock.Clock, address string) (*conn, error) {
	ctx, stop := clock.WithTimeout(ctx, clk, connectTimeout, fmt.Errorf("no connection within %s", connectTimeout))
	defer stop()
	t := &http.Transport{
		Protocols:   new(http.Protocols),
		HTTP2:       &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingAfter},
		DialContext: new(net.Dialer).DialContext,
	}
	t.Protocols.SetUnencryptedHTTP2(true)
	c, err := t.NewClientConn(ctx, "http", address)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, errAway(address, err)
	}
	identity, err := transport.Identity(ctx, "tcp:"+address)
	if err != nil {
		c.Close()
		return nil, errAway(address, err)
	}
	return &conn{address: address, identity: identity, clock: clk, http: c}, nil
}

func (c *conn) close() { c.http.Close() }

// errAway returns the error of a coordinator that cannot be reached, or that went away.
func errAway(address string, err error) error {
	return classify.WithHint(classify.Wrap(err, classify.LabgridAway, "cannot reach the labgrid coordinator at %s", address),
		"check that labgrid-coordinator runs there (labgrid 25 or newer), and LG_COORDINATOR=HOST[:PORT]")
}

// A status is the result of a call that the coordinator refused. Its codes are gRPC's.
type status struct {
	code int
	text string
}

// The codes of gRPC that this package distinguishes.
const (
	codePermissionDenied   = 7
	codeFailedPrecondition = 9
	codeUnavailable        = 14
)

func (s *status) Error() string {
	if s.text == "" {
		return fmt.Sprintf("gRPC status %d", s.code)
	}
	return s.text
}

// refusal returns the code with which the coordinator refused a call, 0 for other errors.
func refusal(err error) int {
	var s *status
	if errors.As(err, &s) {
		return s.code
	}
	return 0
}

// statusOf returns the error that the end of a response says, nil for success.
func statusOf(resp *http.Response) error {
	from := resp.Trailer
	if resp.Header.Get("Grpc-Status") != "" { // a response without messages
		from = resp.Header
	}
	code, err := strconv.Atoi(from.Get("Grpc-Status"))
	if err != nil {
		return errors.New("the answer ended without a gRPC status")
	}
	if code == 0 {
		return nil
	}
	text, err := url.PathUnescape(from.Get("Grpc-Message"))
	if err != nil {
		text = from.Get("Grpc-Message")
	}
	return &status{code, text}
}

// request returns a request for a method of the coordinator.
func (c *conn) request(ctx context.Context, method string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.address+service+method, body)
	if err == nil {
		req.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}, "User-Agent": {"flashlua"}}
	}
	return req, err
}

// roundTrip sends a request and returns the response, once its head has come.
func (c *conn) roundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.http.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("it is no gRPC server: it answers %s", resp.Status)
	}
	return resp, nil
}

// call calls a method and returns its reply. The error is a status if the coordinator refused the call, otherwise
// of kind labgrid.away.
func (c *conn) call(ctx context.Context, method string, m message) ([]byte, error) {
	ctx, stop := clock.WithTimeout(ctx, c.clock, callTimeout, fmt.Errorf("no answer to %s within %s", method, callTimeout))
	defer stop()
	reply, err := c.exchange(ctx, method, m)
	if err == nil || refusal(err) != 0 && refusal(err) != codeUnavailable {
		return reply, err
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return nil, errAway(c.address, err)
}

func (c *conn) exchange(ctx context.Context, method string, m message) ([]byte, error) {
	req, err := c.request(ctx, method, bytes.NewReader(frame(m)))
	if err != nil {
		return nil, err
	}
	resp, err := c.roundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	reply, err := readFrame(resp.Body)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxMessage)); err != nil { // the trailer is at its end
		return nil, err
	}
	return reply, statusOf(resp)
}

// frame returns a message as gRPC sends it: not compressed, its length, its bytes.
func frame(m message) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...)
}

// readFrame reads a message as gRPC sends it. The error at the end is io.EOF.
func readFrame(r io.Reader) ([]byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if head[0] != 0 {
		return nil, errors.New("the coordinator sent a compressed message, which was not asked for")
	}
	if n > maxMessage {
		return nil, fmt.Errorf("the coordinator sent a message of %d bytes; at most %d are read", n, maxMessage)
	}
	// The length is the peer's word: the buffer grows with what comes.
	b, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err == nil && len(b) < int(n) {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}
