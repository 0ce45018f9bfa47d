package vm

import (
	"context"
	"runtime/metrics"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

const (
	MaxSteps     = 200_000_000 // steps of a script between two calls to a module or an object of flashlua
	MaxSize      = 64 << 20    // bytes that a script holds
	BytesPerStep = 16          // bytes that a function of ours copies in the time of a step

	checkInterval = 64                      // steps between two checks of the limits
	pollInterval  = time.Millisecond        // shortest time between two reads of the process's allocations
	pollBytes     = 1 << 20                 // bytes made by functions of ours after which the next read comes earlier
	allocated     = "/gc/heap/allocs:bytes" // by the whole process since its start
)

// Watchdog counts the steps of a script and measures the memory that it holds. It ends a script that breaks a
// limit. A step is an instruction of the interpreter, or as much work of a function of ours. It belongs to one
// State and is used by the goroutine that runs it, without a lock.
//
// Neither limit depends on the speed of the station or on the rest of the process. The allocations of the process
// only decide when to measure: a state cannot have grown by more than the process has allocated. A measurement
// counts what can be reached in the state.
type Watchdog struct {
	Loading bool // the script loads: all calls share one budget of steps

	measure func(seen) int // returns the bytes that the state holds
	seen    seen           // kept between measurements of a run: its memory would be the reason for the next one

	cancel context.CancelCauseFunc // of the script that runs
	ended  bool                    // a limit broke
	left   int                     // steps until the next check
	steps  int                     // up to the last check, since the last Renew

	drafts int       // bytes that functions of ours hold while they call the script
	made   int       // bytes that functions of ours made since the last read of the allocations
	polled time.Time // time of the last read of the allocations
	size   int       // of the state when it was last measured
	mark   uint64    // allocations of the process when the script began to run, or was last measured
	grown  uint64    // allocations in earlier runs of the script since the last measurement
	sample [1]metrics.Sample
}

// watch begins a run of the script. The context that it returns ends when the script breaks a limit.
func (w *Watchdog) watch(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	w.cancel, w.ended, w.mark = cancel, false, w.allocated()
	w.Renew()
	return ctx, func() {
		w.grown += w.allocated() - w.mark
		w.seen = nil
		cancel(nil)
	}
}

// Renew resets the count of steps before and after flashlua does something for the script, but not while the
// script loads. It does not delay the next check.
func (w *Watchdog) Renew() {
	if !w.Loading {
		w.steps = w.left - checkInterval
	}
}

// Steps returns the count of steps since the last Renew.
func (w *Watchdog) Steps() int { return w.steps + checkInterval - w.left }

// step counts an instruction.
func (w *Watchdog) step() {
	if w.left--; w.left < 0 {
		w.check()
	}
}

// Work counts what a function of ours does beyond the call: its own steps, and the bytes that it copies.
func (w *Watchdog) Work(steps, bytes int) {
	w.left -= steps + bytes/BytesPerStep
	if w.made += bytes; w.left < 0 || w.made > pollBytes {
		w.check()
	}
}

// Draft counts the bytes that a function of ours holds while it calls the script. A measurement does not find
// them.
type Draft struct {
	watchdog *Watchdog
	bytes    int
}

// Draft returns a count for one call of a function of ours, which must release it.
func (w *Watchdog) Draft() *Draft { return &Draft{watchdog: w} }

// Add counts more bytes.
func (d *Draft) Add(bytes int) {
	d.bytes += bytes
	d.watchdog.drafts += bytes
}

// Release forgets all bytes of the draft.
func (d *Draft) Release() { d.watchdog.drafts -= d.bytes }

// check ends the script if it broke a limit.
func (w *Watchdog) check() {
	w.steps, w.left = w.Steps(), checkInterval
	if w.ended {
		return
	}
	if w.steps > MaxSteps {
		what := "the script worked for more than %d million steps without calling flashlua"
		if w.Loading {
			what = "the script needs more than %d million steps to load"
		}
		w.end("look for a loop that does not end", what, MaxSteps/1_000_000)
		return
	}
	now := clock.Real{}.Now()
	if w.made < pollBytes && now.Sub(w.polled) < pollInterval {
		return
	}
	w.polled, w.made = now, 0
	if w.grown+w.allocated()-w.mark < uint64(max(MaxSize-w.size, w.size/2)) {
		return
	}
	if w.seen == nil {
		w.seen = seen{}
	}
	w.size = w.measure(w.seen) + w.drafts
	clear(w.seen)
	w.mark, w.grown = w.allocated(), 0
	if w.size > MaxSize {
		w.end("look for a table or a string that grows without end", "the script holds more than %d MiB of memory", MaxSize>>20)
	}
}

func (w *Watchdog) end(hint, format string, a ...any) {
	w.ended = true
	if w.cancel == nil { // nothing runs
		return
	}
	w.cancel(classify.WithHint(classify.New(classify.ScriptLimit, format, a...), "%s", hint))
}

func (w *Watchdog) allocated() uint64 {
	w.sample[0].Name = allocated
	metrics.Read(w.sample[:])
	return w.sample[0].Value.Uint64()
}
