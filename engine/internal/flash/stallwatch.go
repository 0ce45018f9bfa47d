package flash

import (
	"context"
	"sync"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// stallWatch counts what the board fetched or sent, and how long it has made no progress. It is safe for
// concurrent use.
type stallWatch struct {
	verb         string        // "fetched" or "sent", for people
	total        int64         // bytes
	idleTimeout  time.Duration // longest time without progress
	afterTimeout time.Duration // the same once all bytes have passed: the board may still be writing them

	now      func() time.Time
	progress func(n int64)

	mu    sync.Mutex // guards what follows
	n     int64
	at    time.Time // of the last byte or printed line
	ended bool
}

// add counts n more bytes. The server's goroutines call it. It does nothing once the transfer has ended.
func (t *stallWatch) add(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	t.n += n
	t.at = t.now()
	t.progress(t.n)
}

// renew records that the board printed a line.
func (t *stallWatch) renew() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at = t.now()
}

func (t *stallWatch) count() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

func (t *stallWatch) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
}

// stalled returns how long the transfer may still make no progress, or an error if that time is over.
func (t *stallWatch) stalled() (left time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	limit := t.idleTimeout
	if t.n >= t.total {
		limit = t.afterTimeout
	}
	left = limit - t.now().Sub(t.at)
	switch {
	case left > 0:
		return left, nil
	case t.n >= t.total:
		return 0, classify.New(classify.ConsoleStall, "the board %s all %d bytes, and made no progress for %s", t.verb, t.total, limit)
	}
	return 0, classify.New(classify.ConsoleStall, "the board %s nothing for %s, after %d of %d bytes", t.verb, limit, t.n, t.total)
}

// withStallTimeout returns a context that ends when a transfer makes no progress. The caller calls stop.
func (d *ShellFlasher) withStallTimeout(ctx context.Context, t *stallWatch) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	t.at, t.now = d.Clock.Now(), d.Clock.Now
	var check func()
	check = func() {
		switch left, err := t.stalled(); {
		case ctx.Err() != nil:
		case err != nil:
			cancel(err)
		default:
			d.Clock.AfterFunc(left, check)
		}
	}
	d.Clock.AfterFunc(t.idleTimeout, check)
	return ctx, func() {
		t.end()
		cancel(context.Canceled)
	}
}
