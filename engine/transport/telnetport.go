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
		return dialTelnet(ctx, address, greet)
	})
}

const (
	// greetTime is how long a telnet server may take to answer to what we asked. Then the board is talked to as if it
	// had refused.
	greetTime = 2 * time.Second
	// maxPreReadBuffer bounds what the board may say before the port is open, and maxReplies what a server may ask without
	// taking the answers.
	maxPreReadBuffer = 4 << 20
	maxReplies       = 64 << 10
	writeChunk       = 4 << 10
)

// telnetPort is a console behind a telnet server.
type telnetPort struct {
	net.Conn
	codec   *telnet  // the reader's
	preRead []byte   // the reader's: data that came while the port was opened
	first   farewell // the reader's

	writing sync.Mutex // held to send, so that what was agreed and what is sent by it stay in order

	mu       sync.Mutex
	replies  []byte        // still to be sent
	flushing bool          // somebody sends them
	binary   bool          // our bytes are sent as they are
	resumed  chan struct{} // closed by the server's leave to send on; nil if it did not suspend us

	closed chan struct{}
	once   sync.Once
}

func newTelnetPort(conn net.Conn) *telnetPort {
	return &telnetPort{Conn: conn, codec: newTelnet(), closed: make(chan struct{})}
}

// dialTelnet connects and negotiates.
func dialTelnet(ctx context.Context, address string, negotiate func(context.Context, *telnetPort) error) (Port, error) {
	clk := clock.Real{}
	return persist(ctx, clk, func() (Port, error) {
		began := clk.Now()
		conn, err := dial(ctx, address)
		if err != nil {
			return nil, err
		}
		opened := clk.Now()
		t := newTelnetPort(conn)
		err = negotiate(ctx, t)
		if left := settleFar + 2*opened.Sub(began) - clk.Now().Sub(opened); err == nil && left > 0 {
			err = t.stays(ctx, left)
		}
		if err != nil {
			t.Close()
			return nil, err
		}
		return t, nil
	})
}

// stays reads for limit, and fails if the server hangs up meanwhile.
func (t *telnetPort) stays(ctx context.Context, limit time.Duration) error {
	err := t.until(ctx, limit, func() bool { return len(t.preRead) > settleData })
	if errors.Is(err, errNoAnswer) {
		return nil
	}
	return err
}

// probe implements prober: a server that hangs up later ends Read.
func (t *telnetPort) probe(context.Context) error { return nil }

// greet agrees on a line that takes any byte. Nothing may be sent before: in between nobody knows how it is understood.
func greet(ctx context.Context, t *telnetPort) error {
	err := t.until(ctx, greetTime, t.codec.settled)
	if errors.Is(err, errNoAnswer) {
		return nil
	}
	return err
}

var errNoAnswer = errors.New("no answer")

// until reads until done, for limit at most. What the board says meanwhile is kept for Read, and is not waited for when
// there is much of it.
func (t *telnetPort) until(ctx context.Context, limit time.Duration, done func() bool) error {
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
		if err := t.answer(); err != nil || finished {
			return err
		}
		n, err := t.Conn.Read(buf)
		t.preRead = append(t.preRead, t.codec.decode(buf[:n])...)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return context.Cause(ctx)
		default:
			return hungUp(t.preRead, err)
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
		t.first.hear(p[:n])
		return n, nil
	}
	for len(p) > 0 {
		n, err := t.Conn.Read(p)
		n = len(t.codec.decode(p[:n]))
		if aerr := t.answer(); err == nil {
			err = aerr
		}
		t.first.hear(p[:n])
		if n > 0 || err != nil {
			return n, t.first.of(err)
		}
	}
	return 0, nil
}

// answer passes on what the codec has to say. It does not wait for the server to take it: the server may be waiting for
// us to read.
func (t *telnetPort) answer() error {
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

// flush sends the replies. That it cannot is also told by Read.
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

// send sends the replies that wait, then p.
func (t *telnetPort) send(p []byte) (int, error) {
	t.writing.Lock()
	defer t.writing.Unlock()
	t.mu.Lock()
	raw := encodeTelnet(t.replies, p, t.binary)
	t.replies = nil
	t.mu.Unlock()
	if _, err := t.Conn.Write(raw); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Write implements io.Writer. It waits while the server has no room.
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

// suspend stops Write, or lets it go on.
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

// Close frees a blocked Read and Write.
func (t *telnetPort) Close() error {
	t.once.Do(func() { close(t.closed) })
	return t.Conn.Close()
}
