package transport

import (
	"context"
	"fmt"
)

// Speed implements SpeedSetter.
func (t *tty) Speed() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.line.Baud == 0 {
		return DefaultBaud
	}
	return t.line.Baud
}

// SetSpeed implements SpeedSetter. It does not wait until what was written is on the line: no wait for that ends while
// the other side takes nothing.
func (t *tty) SetSpeed(_ context.Context, baud int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := t.line
	line.Baud = baud
	mode, err := line.mode()
	if err == nil {
		err = t.ctl.SetMode(mode)
	}
	if err == nil {
		err = t.configure(line) // SetMode knows no flow control
	}
	if err != nil {
		return fmt.Errorf("%s: %w", t.Name(), err)
	}
	t.line = line
	return nil
}
