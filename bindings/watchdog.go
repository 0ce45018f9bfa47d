package bindings

import (
	"context"
	"runtime/metrics"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

const (
	maxWork = 200_000_000 // steps of a script between two calls that flashlua does for it
	maxHeld = 64 << 20    // bytes that a script holds

	lookEvery = 64                      // steps between two looks at the limits
	pollEvery = time.Millisecond        // least time between two looks at the process's allocations
	madeEvery = 1 << 20                 // bytes made by functions of ours that are a reason to look earlier
	perStep   = 16                      // bytes that a function of ours copies in the time of a step
	allocated = "/gc/heap/allocs:bytes" // by the whole process since its start
)

// watchdog counts what a script does and measures what it holds. A step is an instruction of the virtual machine, or as
// much work of a function of ours. It belongs to one Lua state and is used by the goroutine that runs it, without a lock.
//
// Neither limit depends on the machine or on the rest of the process. What the process allocates only says when to measure:
// a state cannot have grown by more than that. The measure itself counts what is reachable in this state.
type watchdog struct {
	measure func(seen) int // bytes that the state holds
	seen    seen           // kept from one measure to the next within a run: it is large, and would be the next reason to measure
	loading bool           // a script that loads has one budget of steps for all calls

	cancel context.CancelCauseFunc // of the script that runs
	ended  bool                    // it was called: a limit broke
	left   int                     // steps until the next look
	steps  int                     // done since flashlua last did something for the script, up to the last look

	drafts int       // bytes that functions of ours hold while they call the script
	made   int       // bytes that functions of ours made since the last poll
	polled time.Time // when the process's allocations were last looked at
	size   int       // of the state when it was last measured
	mark   uint64    // what the process had allocated when the script began to run, or was last measured
	grown  uint64    // what it allocated in earlier runs of the script since the last measure
	sample [1]metrics.Sample
}

// watch begins a run of the script. The context that it returns ends when the script breaks a limit.
func (w *watchdog) watch(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	w.cancel, w.ended, w.mark = cancel, false, w.allocated()
	w.renew()
	return ctx, func() {
		w.grown += w.allocated() - w.mark
		w.seen = nil
		cancel(nil)
	}
}

// renew sets the count of steps back: flashlua does something for the script, or did. It does not put off the next look.
func (w *watchdog) renew() {
	if !w.loading {
		w.steps = w.left - lookEvery
	}
}

// done is the count of steps.
func (w *watchdog) done() int { return w.steps + lookEvery - w.left }

// step counts an instruction.
func (w *watchdog) step() {
	if w.left--; w.left < 0 {
		w.look()
	}
}

// work counts what a function does besides being called: steps of its own, and bytes that it copies.
func (w *watchdog) work(steps, bytes int) {
	w.left -= steps + bytes/perStep
	if w.made += bytes; w.left < 0 || w.made > madeEvery {
		w.look()
	}
}

// draft counts the bytes that a function of ours holds while it calls the script, where a measure does not find them.
type draft struct {
	watchdog *watchdog
	bytes    int
}

func (d *draft) add(bytes int) {
	d.bytes += bytes
	d.watchdog.drafts += bytes
}

func (d *draft) release() { d.watchdog.drafts -= d.bytes }

// look holds the script to its limits.
func (w *watchdog) look() {
	w.steps, w.left = w.done(), lookEvery
	if w.ended {
		return
	}
	if w.steps > maxWork {
		what := "the script worked for more than %d million steps without calling flashlua"
		if w.loading {
			what = "the script needs more than %d million steps to load"
		}
		w.end("look for a loop that does not end", what, maxWork/1_000_000)
		return
	}
	now := clock.Real{}.Now()
	if w.made < madeEvery && now.Sub(w.polled) < pollEvery {
		return
	}
	w.polled, w.made = now, 0
	if w.grown+w.allocated()-w.mark < uint64(max(maxHeld-w.size, w.size/2)) {
		return
	}
	if w.seen == nil {
		w.seen = seen{}
	}
	w.size = w.measure(w.seen) + w.drafts
	clear(w.seen)
	w.mark, w.grown = w.allocated(), 0
	if w.size > maxHeld {
		w.end("look for a table or a string that grows without end", "the script holds more than %d MiB of memory", maxHeld>>20)
	}
}

func (w *watchdog) end(hint, format string, a ...any) {
	w.ended = true
	if w.cancel == nil { // nothing runs
		return
	}
	w.cancel(classify.WithHint(classify.New(classify.ScriptLimit, format, a...), "%s", hint))
}

func (w *watchdog) allocated() uint64 {
	w.sample[0].Name = allocated
	metrics.Read(w.sample[:])
	return w.sample[0].Value.Uint64()
}

// counted is the context of a thread that runs a script. gopher-lua asks it for Done before every instruction, and nothing
// else may: functions of ours take the plain context within.
type counted struct {
	context.Context
	watchdog *watchdog
	done     <-chan struct{}
	th       *lua.LState
}

func (c *counted) Done() <-chan struct{} {
	c.watchdog.step()
	if i, ok := instructionOf(c.th); ok {
		if n := i.cost(); n > 0 {
			c.watchdog.work(n, 0)
		}
	}
	return c.done
}

// plain is the context of a thread for Go code: it may go to other goroutines.
func plain(ctx context.Context) context.Context {
	switch c := ctx.(type) {
	case nil:
		return context.Background()
	case *counted:
		return c.Context
	}
	return ctx
}
