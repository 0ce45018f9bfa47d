package engine

import (
	"sync"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

const (
	// cleanupTimeout bounds one clean-up.
	cleanupTimeout = 500 * time.Millisecond
	// hurriedCleanupTimeout bounds one clean-up from when Engine.Hurry is closed.
	hurriedCleanupTimeout = 50 * time.Millisecond
)

// cleanups is the stack of what a run has to close or remove at its end. Safe for concurrent use.
type cleanups struct {
	clock clock.Clock
	hurry <-chan struct{}

	mu    sync.Mutex // guards stack
	stack []cleanup
}

type cleanup struct {
	name string
	undo func() error
}

// push adds a clean-up.
func (c *cleanups) push(name string, undo func() error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stack = append(c.stack, cleanup{name, undo})
}

// run runs all clean-ups, the last one first, whether or not others fail. It calls failed with the error of each
// that fails.
func (c *cleanups) run(failed func(error)) {
	c.mu.Lock()
	stack := c.stack
	c.stack = nil
	c.mu.Unlock()
	for i := len(stack) - 1; i >= 0; i-- {
		if err := c.runOne(stack[i].undo); err != nil {
			failed(classify.Wrap(err, "", "clean-up of the %s", stack[i].name))
		}
	}
}

func (c *cleanups) runOne(undo func() error) error {
	done := make(chan error, 1)
	go func() { done <- recovered(undo) }()
	timedOut, stop := clock.After(c.clock, cleanupTimeout)
	defer stop()
	select {
	case err := <-done:
		return err
	case <-timedOut:
		return classify.New(classify.Internal, "it did not end within %s", cleanupTimeout)
	case <-c.hurry:
	}
	hurried, stopHurried := clock.After(c.clock, hurriedCleanupTimeout)
	defer stopHurried()
	select {
	case err := <-done:
		return err
	case <-hurried:
		return classify.New(classify.Internal, "it did not end within %s, which is all that it had in a hurry", hurriedCleanupTimeout)
	}
}
