package flash

import (
	"context"
	"time"

	"github.com/flashlua/flashlua/engine/console"
)

// A board is given up when it makes no progress, not when it is slow. Every line that it prints renews the patience with
// it, and so does every byte that it fetches or sends. The helper prints a line between two entries of a list, so that
// the longest silence is that of one entry.
const (
	queryTimeout = 30 * time.Second // silence of a command that moves no data
	stallTimeout = time.Minute      // more, for a card's own housekeeping takes seconds
	minRate      = 32 << 10         // bytes a second; a medium that does less hangs
	maxSlowdown  = 10               // so many times slower than measured is slow, more is hung
	maxFlush     = 64 * mib         // what a board may hold in memory once it has fetched all
	zeroEntry    = 4 * mib          // an entry of a list while the board's speed is not known

	abandonedTries   = 20
	abandonedTimeout = 5 * time.Minute // in which a command that was given up must end
)

// limit is what ends a command of the helper, besides its context.
type limit struct {
	stall time.Duration // of the board
	line  func()        // called with each line that it prints, if something else measures the silence
}

// streamTimeout bounds a command whose silence its transfer measures.
const streamTimeout = 24 * time.Hour

func (l limit) apply(cmd *console.Command) {
	if l.line == nil {
		cmd.Stall = l.stall
		return
	}
	cmd.Timeout = streamTimeout
	cmd.Line = func(string) error { l.line(); return nil }
}

// stallTimeoutFor is how long a board may be silent over n bytes. The rate is what it was measured to do, in bytes a second; 0 if
// that is not known.
func stallTimeoutFor(n, rate int64) time.Duration {
	return stallTimeout + time.Duration(n/max(minRate, rate/maxSlowdown))*time.Second
}

// optional takes the error of a step that need not succeed, and returns it if the run must end. Otherwise it waits until
// the board answers again, for the command may still run.
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
