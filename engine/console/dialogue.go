package console

import (
	"context"
	"errors"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

// Dialogue types a command that asks for more than its line, such as a load over the console, and calls f to answer.
// returned matches once the command has ended and the prompt is back; f must wait for it. After an error of f the next
// command synchronises with the prompt first.
func (i *Interpreter) Dialogue(ctx context.Context, cmd string, f func(returned Pattern) error) error {
	if err := i.Live(ctx); err != nil {
		return err
	}
	err := i.typist.dialogue(ctx, i.Dialect, cmd, f)
	i.updateEpoch(ctx, Command{Text: cmd}, Result{}, err)
	return err
}

func (t *typist) dialogue(ctx context.Context, d Dialect, cmd string, f func(returned Pattern) error) error {
	c := t.con
	if t.needsSync || c.Gaps() > t.syncedAtGap {
		if err := c.Sync(ctx, d, resyncTries, resyncTimeout); err != nil {
			return err
		}
	}
	t.needsSync = true
	returned, err := c.Start(ctx, d, cmd)
	if err == nil {
		err = f(returned)
	}
	if err != nil {
		return err
	}
	t.needsSync = false
	t.awaitPrompt(ctx, d)
	return nil
}

var errAfterwards = errors.New("it took too long")

// Afterwards returns a context for what must be done also if ctx has ended, for at most limit.
func (c *Console) Afterwards(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return clock.WithTimeout(context.WithoutCancel(ctx), c.clk, limit, errAfterwards)
}
