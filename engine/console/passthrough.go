package console

import "context"

// The functions in this file hand the console over to a person, or to a program in a person's place. The
// transcript, the detection of a lost port and waits work on meanwhile.

// Subscribe calls f with what no wait has consumed, and then with every byte as it comes, until stop is called.
// The reader calls f: it must neither block nor keep p.
func (c *Console) Subscribe(f func(p []byte)) (stop func()) { return c.stream.subscribe(f) }

// SendRaw sends what a person typed. It is not recorded, because it may contain a password; the board's echo is.
func (c *Console) SendRaw(ctx context.Context, p []byte) error { return c.send(ctx, string(p), "") }

// WaitLost waits until the stream ends, and returns the reason, or until ctx is done, and returns its cause.
func (c *Console) WaitLost(ctx context.Context) error {
	select {
	case <-c.lost:
		return c.lostError("a person used it")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
