package transport

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

func init() {
	Register("telnet", "telnet:HOST:PORT", func(ctx context.Context, address string, _ Line) (Port, error) {
		return dialTelnet(ctx, address, negotiateBinary)
	})
}

const (
	// negotiateTimeout is how long a telnet server may take to answer our requests. Then they count as refused.
	negotiateTimeout = 2 * time.Second
	// maxPreReadBuffer bounds what is kept of the board's output before the port is open, and maxReplies what is
	// queued for a server that takes no answers, in bytes.
	maxPreReadBuffer = 4 << 20
	maxReplies       = 64 << 10
	writeChunk       = 4 << 10
)

// telnetPort is a console that a telnet server serves.
type telnetPort struct {
	net.Conn
	codec   *telnet       // the reader's
	preRead []byte        // the reader's: data that came while the port was opened
	message serverMessage // the reader's
	line    *remoteLine   // of RFC 2217; nil for plain telnet

	sendMu sync.Mutex // held while sending, so that replies and what depends on them are sent in order; taken before mu

	mu       sync.Mutex    // mu guards what follows
	replies  []byte        // to be sent
	flushing bool          // a goroutine sends them
	binary   bool          // our bytes are sent unchanged
	resumed  chan struct{} // closed when the server resumes us; nil unless it has suspended us

	closed chan struct{}
	once   sync.Once
}

func newTelnetPort(conn net.Conn) *telnetPort {
	return &telnetPort{Conn: conn, codec: newTelnet(), closed: make(chan struct{})}
}

// dialTelnet connects and negotiates.
func dialTelnet(ctx context.Context, address string, negotiate func(context.Context, *telnetPort) error) (Port, error) {
	clk := clock.Real{}
	return retryHungUp(ctx, clk, func() (Port, error) {
		began := clk.Now()
		conn, err := dial(ctx, address)
		if err != nil {
			return nil, err
		}
		opened := clk.Now()
		t := newTelnetPort(conn)
		err = negotiate(ctx, t)
		if left := settleFar + 2*opened.Sub(began) - clk.Now().Sub(opened); err == nil && left > 0 {
			err = t.staysOpen(ctx, left)
		}
		if err != nil {
			t.Close()
			return nil, err
		}
		return t, nil
	})
}

// staysOpen reads for limit, and returns an error if the server hangs up meanwhile.
func (t *telnetPort) staysOpen(ctx context.Context, limit time.Duration) error {
	err := t.readUntil(ctx, limit, func() bool { return len(t.preRead) > settleData })
	if errors.Is(err, errNoAnswer) {
		return nil
	}
	return err
}

// probe implements prober. A server that hangs up later ends Read.
func (t *telnetPort) probe(context.Context) error { return nil }

// negotiateBinary negotiates a line that passes any byte. Nothing may be sent before: until the answers are there,
// it is unknown how the server reads it.
func negotiateBinary(ctx context.Context, t *telnetPort) error {
	err := t.readUntil(ctx, negotiateTimeout, t.codec.negotiated)
	if errors.Is(err, errNoAnswer) {
		return nil
	}
	return err
}

var errNoAnswer = errors.New("no answer")

// readUntil reads until done reports true, at most for limit. What the board prints meanwhile is kept for Read; if
// it is more than maxPreReadBuffer, readUntil stops.
func (t *telnetPort) readUntil(ctx context.Context, limit time.Duration, done func() bool) error {
	ctx, cancel := clock.WithTimeout(ctx, clock.Real{}, limit, errNoAnswer)
	defer cancel()
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		t.SetReadDeadline(time.Unix(1, 0))
		close(woken)
	})
	defer func() {
		if !stop() {
			<-woken
		}
		t.SetReadDeadline(time.Time{})
	}()
	buf := make([]byte, writeChunk)
	for {
		finished := done() || len(t.preRead) > maxPreReadBuffer
		if err := t.queueReplies(); err != nil || finished {
			return err
		}
		n, err := t.Conn.Read(buf)
		t.preRead = append(t.preRead, t.codec.decode(buf[:n])...)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return context.Cause(ctx)
		default:
			return hungUpError(t.preRead, err)
		}
	}
}

// Read implements io.Reader.
func (t *telnetPort) Read(p []byte) (int, error) {
	if len(t.preRead) > 0 {
		n := copy(p, t.preRead)
		if t.preRead = t.preRead[n:]; len(t.preRead) == 0 {
			t.preRead = nil
		}
		t.message.add(p[:n])
		return n, nil
	}
	for len(p) > 0 {
		n, err := t.Conn.Read(p)
		n = len(t.codec.decode(p[:n]))
		if aerr := t.queueReplies(); err == nil {
			err = aerr
		}
		t.message.add(p[:n])
		if n > 0 || err != nil {
			return n, t.message.explain(err)
		}
	}
	return 0, nil
}

// queueReplies sends the codec's replies in another goroutine. It does not wait for the server to take them,
// because the server may itself wait until we read.
func (t *telnetPort) queueReplies() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.replies = append(t.replies, t.codec.reply...)
	t.codec.reply = t.codec.reply[:0]
	t.binary = t.codec.binary()
	if len(t.replies) > maxReplies {
		return errors.New("the telnet server asks without end and takes no answers")
	}
	if len(t.replies) > 0 && !t.flushing {
		t.flushing = true
		go t.flush()
	}
	return nil
}

// flush sends the replies. Read reports a connection on which that fails.
func (t *telnetPort) flush() {
	for err := error(nil); ; _, err = t.send(nil) {
		t.mu.Lock()
		t.flushing = err == nil && len(t.replies) > 0
		more := t.flushing
		t.mu.Unlock()
		if !more {
			return
		}
	}
}

// send sends the queued replies, then p.
func (t *telnetPort) send(p []byte) (int, error) {
	t.sendMu.Lock()
	defer t.sendMu.Unlock()
	t.mu.Lock()
	raw := encodeTelnet(t.replies, p, t.binary)
	t.replies = nil
	t.mu.Unlock()
	if _, err := t.Conn.Write(raw); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Write implements io.Writer. It waits while the server has suspended us.
func (t *telnetPort) Write(p []byte) (int, error) {
	sent := 0
	for sent < len(p) {
		t.mu.Lock()
		resumed := t.resumed
		t.mu.Unlock()
		if resumed != nil {
			select {
			case <-resumed:
			case <-t.closed:
				return sent, net.ErrClosed
			}
		}
		n, err := t.send(p[sent:min(len(p), sent+writeChunk)])
		sent += n
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// suspend stops Write, or resumes it.
func (t *telnetPort) suspend(yes bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case yes && t.resumed == nil:
		t.resumed = make(chan struct{})
	case !yes && t.resumed != nil:
		close(t.resumed)
		t.resumed = nil
	}
}

// Close ends a blocked Read and Write.
func (t *telnetPort) Close() error {
	t.once.Do(func() { close(t.closed) })
	return t.Conn.Close()
}
