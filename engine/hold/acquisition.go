package hold

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	pollInterval  = 200 * time.Millisecond // between two looks at a lock
	probeInterval = 10 * time.Millisecond  // for another process to look at a lock
	maxProbes     = 200                    // until a lock that is only looked at counts as held
	maxNested     = 8                      // holds within each other
)

// secretSeparator stands between the secrets in Variable. rand.Text does not have it.
const secretSeparator = ","

func splitSecrets(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return string(r) == secretSeparator })
}

// tokenOf returns the digest by which a lock file recognizes a secret.
func tokenOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// acquisition is one call of Acquire. One goroutine uses it.
type acquisition struct {
	Locks
	request Request
	record  record // that the lock files get
	until   time.Time
	within  []string // secrets of the holds around this job

	last Queue // that Notify got
}

// take holds a name. Within a hold of the name it takes the lock below that: the file of level 1 below the hold, of
// level 2 below a hold that is within it.
func (a *acquisition) take(ctx context.Context, name string) (*lockFile, error) {
	for {
		level := 0
		for level < maxNested && a.isLent(name, level) {
			level++
		}
		f, err := a.takeLevel(ctx, name, level)
		if err != nil {
			return nil, err
		}
		if level == 0 || a.isLent(name, level-1) { // else the hold has ended meanwhile
			return f, nil
		}
		f.Close()
	}
}

// now returns the time for a record.
func (a *acquisition) now() time.Time { return a.Clock.Now().UTC().Truncate(time.Second) }

// levelPath returns the lock file of a level.
func (a *acquisition) levelPath(name string, level int) string {
	if level == 0 {
		return a.path(name)
	}
	return fmt.Sprintf("%s-%d", a.path(name), level)
}

// isLent reports whether a hold around this job has the lock of a level.
func (a *acquisition) isLent(name string, level int) bool {
	rec, locked := readRecord(a.levelPath(name, level))
	return locked && rec.Token != "" && slices.ContainsFunc(a.within, func(secret string) bool { return tokenOf(secret) == rec.Token })
}

// takeLevel waits in the queue of a level and takes its lock. Then it waits for the locks below it: a process may have
// outlived the hold that it was started in.
func (a *acquisition) takeLevel(ctx context.Context, name string, level int) (*lockFile, error) {
	path := a.levelPath(name, level)
	t, err := a.enter(ctx, name, path)
	if err != nil {
		return nil, err
	}
	defer t.leave()
	f, err := a.first(ctx, name, path, t)
	if err != nil {
		return nil, err
	}
	a.record.Since = a.now()
	if err = a.fileError(f.write(a.record), path); err == nil {
		err = a.waitBelow(ctx, name, level)
	}
	if err != nil {
		f.truncate()
		f.Close()
		return nil, err
	}
	return f, nil
}

// first waits until the ticket is the first and the lock is free, and takes it.
func (a *acquisition) first(ctx context.Context, name, path string, t *ticket) (*lockFile, error) {
	for {
		ahead := t.ahead()
		if ahead == 0 {
			if f, err := a.tryLock(ctx, path); f != nil || err != nil {
				return f, err
			}
		}
		holder, _ := readRecord(path)
		if err := a.pause(ctx, Queue{describe(name), ahead + 1, holder.Hold}); err != nil {
			return nil, err
		}
	}
}

// waitBelow waits until no process has a lock of a deeper level.
func (a *acquisition) waitBelow(ctx context.Context, name string, level int) error {
	for n := level + 1; n <= maxNested; n++ {
		for {
			holder, locked := readRecord(a.levelPath(name, n))
			if !locked {
				break
			}
			if err := a.pause(ctx, Queue{describe(name), 1, holder.Hold}); err != nil {
				return err
			}
		}
	}
	return nil
}

// pause reports where the job waits, and waits a moment. It returns an error if the time to wait is over, if Notify
// returns one, or if the context ends.
func (a *acquisition) pause(ctx context.Context, q Queue) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	left := a.until.Sub(a.Clock.Now())
	if left <= 0 {
		return errHeld(q, a.request.Wait)
	}
	if q.Holder == (Hold{}) && q.Name == a.last.Name && q.Place == a.last.Place {
		q.Holder = a.last.Holder // the holder has just ended
	}
	if q != a.last && a.request.Notify != nil {
		if err := a.request.Notify(q); err != nil {
			return err
		}
	}
	a.last = q
	return a.Clock.Sleep(ctx, min(pollInterval, left))
}
