package console

import (
	"context"
	"errors"

	"github.com/flashlua/flashlua/classify"
)

// The functions in this file hand the console over to a person, or to a program in a person's place. The
// transcript, the detection of a lost port and waits work on meanwhile.

// Subscribe calls f with what no wait has consumed, and then with every byte as it comes, until stop is called.
// The reader calls f: it must neither block nor keep p.
func (c *Console) Subscribe(f func(p []byte)) (stop func()) { return c.stream.subscribe(f) }

// SendRaw sends what a person typed. It is not recorded, because it may contain a password; the board's echo is.
func (c *Console) SendRaw(ctx context.Context, p []byte) error { return c.send(ctx, string(p), "") }

// SendTyped is SendRaw, and records what is sent. It is for a person who asked for that.
func (c *Console) SendTyped(ctx context.Context, p []byte) error {
	return c.send(ctx, string(p), string(p))
}

// breaker is a port that can send a BREAK.
type breaker interface {
	Break(ctx context.Context) error
}

// Break sends a BREAK, which Linux on a serial console takes as the SysRq key.
func (c *Console) Break(ctx context.Context) error {
	err := error(errors.ErrUnsupported)
	if port, ok := c.port.current().(breaker); ok {
		err = port.Break(ctx)
	}
	if errors.Is(err, errors.ErrUnsupported) {
		return classify.New(classify.TransportLine, "the console port cannot send a BREAK")
	}
	return classify.Wrap(err, classify.TransportLine, "the BREAK could not be sent")
}

// WaitLost waits until the stream ends, and returns the reason, or until ctx is done, and returns its cause.
func (c *Console) WaitLost(ctx context.Context) error {
	select {
	case <-c.lost:
		return c.lostError("a person used it")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
