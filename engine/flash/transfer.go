package flash

import (
	"context"
	"sync"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// transfer counts what the board fetched.
type transfer struct {
	mu       sync.Mutex
	n        int64
	at       time.Time // of the last byte
	over     bool
	now      func() time.Time
	progress func(n int64)
}

// add counts n more bytes. It is called from the server's goroutines, and does nothing once the transfer is over.
func (t *transfer) add(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	t.n += n
	t.at = t.now()
	t.progress(t.n)
}

func (t *transfer) count() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

func (t *transfer) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
}

// watch ends ctx when the board has fetched nothing for fetchStall and still wants more.
func (d *DUT) watch(ctx context.Context, total int64, progress func(n int64)) (context.Context, *transfer, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	t := &transfer{at: d.Clock.Now(), now: d.Clock.Now, progress: progress}
	var check func()
	check = func() {
		t.mu.Lock()
		idle, done := d.Clock.Now().Sub(t.at), t.n >= total
		t.mu.Unlock()
		switch {
		case done || ctx.Err() != nil:
		case idle >= fetchStall:
			cancel(classify.New(classify.ConsoleStall, "the board fetched nothing for %s, after %d of %d bytes", fetchStall, t.count(), total))
		default:
			d.Clock.AfterFunc(fetchStall-idle, check)
		}
	}
	d.Clock.AfterFunc(fetchStall, check)
	return ctx, t, func() {
		t.end()
		cancel(context.Canceled)
	}
}
