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
	infoStall    = 30 * time.Second // silence of a command that moves no data
	stallTimeout = time.Minute      // more, for a card's own housekeeping takes seconds
	slowest      = 32 << 10         // bytes a second; a medium that does less hangs
	slower       = 10               // so many times slower than measured is slow, more is hung
	flushMost    = 64 * mib         // what a board may hold in memory once it has fetched all
	zeroEntry    = 4 * mib          // an entry of a list while the board's speed is not known

	gaveUpTries = 20
	gaveUpTime  = 5 * time.Minute // in which a command that was given up must end
)

// limit is what ends a command of the helper, besides its context.
type limit struct {
	silence time.Duration // of the board
	line    func()        // called with each line that it prints, if something else measures the silence
}

// streaming bounds a command whose silence its transfer measures.
const streaming = 24 * time.Hour

func (l limit) apply(cmd *console.Command) {
	if l.line == nil {
		cmd.Stall = l.silence
		return
	}
	cmd.Timeout = streaming
	cmd.Line = func(string) error { l.line(); return nil }
}

// timeoutFor is how long a board may be silent over n bytes. The rate is what it was measured to do, in bytes a second; 0 if
// that is not known.
func timeoutFor(n, rate int64) time.Duration {
	return stallTimeout + time.Duration(n/max(slowest, rate/slower))*time.Second
}

// optional takes the error of a step that need not succeed, and returns it if the run must end. Otherwise it waits until
// the board answers again, for the command may still run.
func (d *ShellFlasher) optional(ctx context.Context, err error) error {
	if err == nil || !console.Optional(ctx, err) {
		return err
	}
	began := d.Clock.Now()
	for range gaveUpTries {
		if _, err = d.Shell.Exec(ctx, console.Command{Text: ":"}); err == nil || !console.Optional(ctx, err) || d.Clock.Now().Sub(began) > gaveUpTime {
			break
		}
	}
	return err
}
