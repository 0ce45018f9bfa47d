package bindings

import (
	"context"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

const (
	lookEvery = 5 * time.Millisecond
	maxHeap   = 64 << 20         // bytes by which the heap may grow while a script works
	maxAlone  = 10 * time.Second // that a script may work without asking flashlua for anything that takes time
)

// watchdog ends a script that eats memory, or works without end. It looks only while the script itself works: what the
// engine does on its behalf is the engine's.
type watchdog struct {
	mu     sync.Mutex
	cancel context.CancelCauseFunc // of the script that runs
	runs   int                     // how many did; odd while one does
	away   int                     // calls of the script into the engine that are under way
	since  time.Time               // when the script came back from the last one

	base     uint64 // size of the heap then, as far as the script is to blame
	garbage  uint64 // what was on the heap beside it when it was last cleaned
	atEngine uint64 // size of the heap when the engine was last seen at work; 0: it was not, since
}

// watch begins to look, and gives a context that ends when the script must.
func (w *watchdog) watch(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancel, w.away, w.since = cancel, 0, clock.Real{}.Now()
	w.base, w.garbage, w.atEngine = heapSize(), 0, 0
	w.runs++
	stop := w.again(w.runs)
	return ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.runs++
		stop()
		cancel(nil)
	}
}

// again looks in a moment, at the given run.
func (w *watchdog) again(run int) (stop func() bool) {
	return clock.Real{}.AfterFunc(lookEvery, func() { w.look(run) })
}

// leave notes that the engine works, until what it gives is called.
func (w *watchdog) leave() (back func()) {
	w.count(1)
	return func() { w.count(-1) }
}

func (w *watchdog) count(by int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.away += by
	w.since = clock.Real{}.Now()
}

// enter notes that the script works, also inside a call into the engine, until what it gives is called.
func (w *watchdog) enter() (back func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.away
	w.away = 0
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.away = before
	}
}

func (w *watchdog) look(run int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.runs != run {
		return
	}
	heap := heapSize()
	switch {
	case w.away > 0:
		w.atEngine = heap
	case w.atEngine > 0:
		w.base = w.base + heap - min(w.atEngine, heap)
		w.atEngine = 0
	case clock.Real{}.Now().Sub(w.since) > maxAlone:
		w.end("look for a loop that does not end", "the script worked for %s without calling flashlua", maxAlone)
	case heap > w.base+w.garbage+2*maxHeap: // no time to lose
		w.hungry()
	case heap > w.base+w.garbage+maxHeap:
		runtime.GC() // what is over may be garbage
		after := heapSize()
		if after > w.base+maxHeap {
			w.hungry()
		}
		w.garbage = after - min(w.base, after)
	}
	w.again(run)
}

func (w *watchdog) hungry() {
	w.end("look for a table or a string that grows without end", "the script holds more than %d MiB of memory", maxHeap>>20)
}

func (w *watchdog) end(hint, format string, a ...any) {
	w.cancel(classify.WithHint(classify.New(classify.ScriptLimit, format, a...), "%s", hint))
}

// heapSize is the bytes of objects on the heap, those not yet swept included.
func heapSize() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
