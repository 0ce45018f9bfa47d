package simboard

import (
	"context"
	"io"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

// queue is a bounded stream of bytes between two goroutines.
type queue struct {
	clk     clock.Clock
	mu      sync.Mutex // guards what follows
	buf     []byte
	delayed []delayed // in order
	limit   int
	closed  bool
	changed chan struct{} // closed and replaced at every change
}

// delayed is a place in a queue that is not passed before its time.
type delayed struct {
	before int // bytes that stand before it
	until  time.Time
}

func newQueue(clk clock.Clock, limit int) *queue {
	return &queue{clk: clk, limit: limit, changed: make(chan struct{})}
}

func (q *queue) announce() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// put waits for room and appends p. What comes after close is lost, as on a cable that was pulled. If until is not
// zero, p and everything after it are not readable before that time.
func (q *queue) put(ctx context.Context, p []byte, until time.Time) error {
	for len(p) > 0 {
		q.mu.Lock()
		n := min(len(p), q.limit-len(q.buf))
		if q.closed {
			n = len(p)
		} else if n > 0 {
			if !until.IsZero() {
				q.delayed = append(q.delayed, delayed{len(q.buf), until})
			}
			q.buf = append(q.buf, p[:n]...)
		}
		p = p[n:]
		changed := q.changed
		if n > 0 {
			q.announce()
		}
		q.mu.Unlock()
		if len(p) == 0 {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// get waits for bytes and returns at least one and at most len(p).
func (q *queue) get(ctx context.Context, p []byte) (int, error) {
	for {
		q.mu.Lock()
		ready, wait := q.ready()
		n := copy(p, q.buf[:ready])
		q.buf = q.buf[n:]
		for i := range q.delayed {
			q.delayed[i].before -= n
		}
		closed, changed := q.closed, q.changed
		if n > 0 {
			q.announce()
		}
		q.mu.Unlock()
		switch {
		case n > 0:
			return n, nil
		case closed:
			return 0, io.EOF
		}
		stop := func() bool { return false }
		if wait > 0 {
			stop = q.clk.AfterFunc(wait, func() {
				q.mu.Lock()
				defer q.mu.Unlock()
				q.announce()
			})
		}
		select {
		case <-changed:
		case <-ctx.Done():
			stop()
			return 0, context.Cause(ctx)
		}
		stop()
	}
}

// ready returns how many bytes can be read and, if none can, how long that lasts: 0 until more come. The caller
// holds mu.
func (q *queue) ready() (n int, wait time.Duration) {
	for len(q.delayed) > 0 {
		next := q.delayed[0]
		if wait = next.until.Sub(q.clk.Now()); wait > 0 {
			return next.before, wait
		}
		q.delayed = q.delayed[1:]
	}
	return len(q.buf), 0
}

// empty discards what is in the queue.
func (q *queue) empty() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.buf, q.delayed = nil, nil
	q.announce()
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		q.announce()
	}
}

const (
	input = 4 << 10  // bytes that the board buffers before the station has to wait
	cable = 64 << 10 // bytes on the way to the station before the board has to wait
)

// byteTime is the duration of a byte on the line: ten bits at 115200 baud.
const byteTime = 10 * time.Second / 115200

// uartDirection is the serial line in one direction.
type uartDirection struct {
	b         *Board
	direction Direction

	mu   sync.Mutex  // guards what follows
	free time.Time   // when the next byte can come
	fifo []time.Time // when the bytes that the receiver holds are read
}

// transmit sends bytes to the other end, with the faults of the line.
func (l *uartDirection) transmit(ctx context.Context, data []byte, to *queue) error {
	data = l.b.faults.wire(l.direction, data)
	if !l.b.faults.timed(l.direction) {
		return to.put(ctx, data, time.Time{})
	}
	for i := range data {
		at, lost := l.next()
		if lost {
			continue
		}
		if err := to.put(ctx, data[i:i+1], at); err != nil {
			return err
		}
	}
	return nil
}

// next returns when the next byte arrives, and whether it is lost because the board's receiver is full.
func (l *uartDirection) next() (at time.Time, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at = later(l.b.cfg.Clock.Now(), l.free)
	if d := l.b.faults.delay(l.direction); d > 0 {
		at = at.Add(d)
		l.free = at
	}
	size, speed := l.b.faults.receiver()
	if l.direction != ToBoard || size == 0 {
		return at, false
	}
	at = at.Add(byteTime)
	l.free = at
	l.fifo = slices.DeleteFunc(l.fifo, func(read time.Time) bool { return !read.After(at) })
	if len(l.fifo) >= size {
		l.b.faults.overrun()
		return at, true
	}
	if n := len(l.fifo); n > 0 {
		at = l.fifo[n-1]
	}
	at = at.Add(time.Second / time.Duration(speed))
	l.fifo = append(l.fifo, at)
	return at, false
}

// empty discards what the receiver holds.
func (l *uartDirection) empty() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free, l.fifo = time.Time{}, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Port is one connection to the board's serial line.
type Port struct {
	b      *Board
	queue  *queue // to the station
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// Open connects to the serial line. There is one connection at a time: an earlier one is cut. While the station's
// adapter is away there is nothing to open.
func (b *Board) Open() (*Port, error) {
	p := &Port{b: b, queue: newQueue(b.cfg.Clock, cable)}
	p.ctx, p.cancel = context.WithCancelCause(context.Background())
	b.mu.Lock()
	old := b.port
	if b.adapterUnplugged {
		b.mu.Unlock()
		return nil, &os.PathError{Op: "open", Path: adapter, Err: syscall.ENOENT}
	}
	b.port = p
	b.mu.Unlock()
	if old != nil {
		old.cut(os.ErrClosed)
	}
	return p, nil
}

const (
	adapter  = "the simulated board's serial adapter"
	awayTime = 3 * time.Second
)

// unplugAdapter takes the station's adapter away for a while, with what it holds. An open port is as one whose
// device hung up.
func (b *Board) unplugAdapter() {
	b.mu.Lock()
	p := b.port
	b.port, b.adapterUnplugged = nil, true
	b.mu.Unlock()
	b.cfg.Clock.AfterFunc(awayTime, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.adapterUnplugged = false
	})
	if p != nil {
		p.queue.empty()
		p.cut(&os.PathError{Op: "write", Path: adapter, Err: syscall.EIO})
	}
}

// cut ends a connection: a read ends, a write answers why.
func (p *Port) cut(why error) {
	p.queue.close()
	p.cancel(why)
}

// Read implements io.Reader. A torn line returns a few bytes at a time.
func (p *Port) Read(buf []byte) (int, error) {
	return p.queue.get(context.Background(), p.b.faults.tear(buf))
}

// Write implements io.Writer. What is typed while the power is off is lost.
func (p *Port) Write(data []byte) (int, error) {
	if err := context.Cause(p.ctx); err != nil {
		return 0, err
	}
	if !p.b.isOn() {
		return len(data), nil
	}
	if err := p.b.typed.transmit(p.ctx, data, p.b.input); err != nil {
		return 0, err
	}
	return len(data), nil
}

// Close implements io.Closer.
func (p *Port) Close() error {
	p.cut(os.ErrClosed)
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	if p.b.port == p {
		p.b.port = nil
	}
	return nil
}

// tty is the line as the board's programs see it. It ends with the life of the program.
type tty struct {
	b    *Board
	ctx  context.Context
	mute bool // nothing is printed
}

// Write sends to the station if it is connected; otherwise the bytes are lost.
func (t tty) Write(data []byte) (int, error) {
	if err := t.ctx.Err(); err != nil {
		return 0, context.Cause(t.ctx)
	}
	if t.mute {
		return len(data), nil
	}
	if err := t.b.reached(StageOutput, len(data)); err != nil {
		return 0, err
	}
	return t.print(data)
}

// print is Write of what is no stage.
func (t tty) print(data []byte) (int, error) {
	t.b.mu.Lock()
	p := t.b.port
	t.b.mu.Unlock()
	if p == nil {
		return len(data), nil
	}
	uptime, linux := t.b.inLinux()
	if err := t.b.printed.transmit(t.ctx, t.b.faults.disturb(data, uptime, linux), p.queue); err != nil {
		return 0, err
	}
	return len(data), nil
}

// Key waits for a key.
func (t tty) Key(ctx context.Context) (byte, error) {
	var one [1]byte
	_, err := t.b.input.get(ctx, one[:])
	return one[0], err
}
