package console

import "context"

// What follows hands the console over to a person, or to a program in a person's place. Everything else of a Console
// works on meanwhile: the transcript, the loss of the stream, waits.

// Subscribe gives f what nobody has waited for yet, and every byte that comes from now on, as it came, until stop is called.
// f is called by the reader: it must neither block nor keep p.
func (c *Console) Subscribe(f func(p []byte)) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if unseen := c.buf[c.pos-c.base:]; len(unseen) > 0 {
		f(unseen)
	}
	c.tap = f
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.tap = nil
	}
}

// SendRaw sends what a person typed. It is not recorded, for a password may be among it; what the board echoes is.
func (c *Console) SendRaw(ctx context.Context, p []byte) error { return c.send(ctx, string(p), "") }

// WaitLost waits until the stream ends, which is an error, or the context, which is its cause.
func (c *Console) WaitLost(ctx context.Context) error {
	select {
	case <-c.lost:
		return c.lostError("somebody used it")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
