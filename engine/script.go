package engine

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// scriptReturnGrace is how long a script may take to return after its context ended.
const scriptReturnGrace = 2 * time.Second

// scriptCaller calls into a script, which may panic, and may ignore the end of its context. Safe for concurrent
// use.
type scriptCaller struct {
	clock  clock.Clock
	hurry  <-chan struct{}
	hung   atomic.Bool   // a call was abandoned: the script is never called again
	nested chan struct{} // semaphore that a program holds while it flashes a board; nil in a board's run
}

// call calls f, which should end with ctx. If f has not returned scriptReturnGrace after ctx ended, its goroutine
// is abandoned and the script is never called again, so that the board can still be switched off. The error is
// then the cause of the run's own context, if that has ended; else it is of kind script.limit.
func (c *scriptCaller) call(run, ctx context.Context, f func() error) error {
	if c.hung.Load() {
		return classify.New(classify.ScriptLimit, "the script did not return from an earlier call")
	}
	done := make(chan error, 1)
	go func() { done <- recovered(f) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	if c.nested != nil { // wait until the flash that the program called has switched its board off, in a time of its own
		c.beginNested()()
	}
	timedOut, stop := clock.After(c.clock, scriptReturnGrace)
	defer stop()
	select {
	case err := <-done:
		return err
	case <-timedOut:
	case <-c.hurry:
	}
	c.hung.Store(true)
	hung := classify.New(classify.ScriptLimit, "the script did not return within %s of its end", scriptReturnGrace)
	if cause := context.Cause(run); cause != nil {
		return classify.WithSecondary(cause, hung)
	}
	return classify.WithSecondary(hung, context.Cause(ctx))
}

// beginNested is called by a program before a flash, and the returned end after it. Only one flash runs at a time:
// beginNested waits for another one to end. call waits for that flash before it abandons the program.
func (c *scriptCaller) beginNested() (end func()) {
	c.nested <- struct{}{}
	return func() { <-c.nested }
}

// recovered calls f. A panic becomes an error, which no policy can override.
func recovered(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = classify.FromPanic(v)
		}
	}()
	return f()
}
