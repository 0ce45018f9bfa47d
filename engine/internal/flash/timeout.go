package flash

import (
	"context"
	"time"

	"github.com/flashlua/flashlua/engine/console"
)

// A command ends when the board makes no progress, not when it is slow. Every line that it prints restarts the
// timeout, and so does every byte that it fetches or sends. The helper prints a line between two entries of a
// list, so the longest silence is that of one entry.
const (
	queryTimeout = 30 * time.Second // for a command that moves no data
	stallTimeout = time.Minute      // longer, because a card's internal housekeeping takes seconds
	minRate      = 32 << 10         // bytes a second; a slower medium counts as hung
	maxSlowdown  = 10               // factor to the measured speed from which on a medium counts as hung
	maxFlush     = 64 * mib         // bytes that a board may hold in memory once it has fetched all
	zeroEntry    = 4 * mib          // bytes of a list entry while the board's speed is not known

	abandonedTries   = 20
	abandonedTimeout = 5 * time.Minute // in which an abandoned command must end
)

// limit says when a command of the helper ends, in addition to its context.
type limit struct {
	stall time.Duration // longest silence of the board
	line  func()        // called for each printed line, if something else measures the silence; may be nil
}

// streamTimeout bounds a command whose transfer has its own stall timeout.
const streamTimeout = 24 * time.Hour

func (l limit) apply(cmd *console.Command) {
	if l.line == nil {
		cmd.Stall = l.stall
		return
	}
	cmd.Timeout = streamTimeout
	cmd.Line = func(string) error { l.line(); return nil }
}

// stallTimeoutFor returns how long a board may be silent while it processes n bytes. rate is its measured speed in
// bytes a second, 0 if not known.
func stallTimeoutFor(n, rate int64) time.Duration {
	return stallTimeout + time.Duration(n/max(minRate, rate/maxSlowdown))*time.Second
}

// optional ignores the error of a step that need not succeed, and returns it if the run must end. It waits until
// the board responds again, because the command may still be running.
func (d *ShellFlasher) optional(ctx context.Context, err error) error {
	if err == nil || !console.Optional(ctx, err) {
		return err
	}
	began := d.Clock.Now()
	for range abandonedTries {
		if _, err = d.Shell.Exec(ctx, console.Command{Text: ":"}); err == nil || !console.Optional(ctx, err) || d.Clock.Now().Sub(began) > abandonedTimeout {
			break
		}
	}
	return err
}
