package console

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// Wait says what to wait for, and what else may end the wait.
type Wait struct {
	What    string        // for people: "the login prompt"
	For     []Pattern     // the one that comes first in the stream is the match
	Abort   []Abort       // texts that end the wait with an error
	Timeout time.Duration // 0: only the context ends the wait
	Stall   time.Duration // silence that ends the wait; 0: silence is fine
	Before  bool          // Match.Before is wanted
	grace   time.Duration // an abort counts only if no match follows within this time
	Kind    classify.Kind // of the error when Timeout passes; "" means console.timeout

	// Followed is the time after which a Prompt of For that other text followed in its line is a match, whose
	// Followed is set; 0: it is none. The last such prompt of that time is the match.
	Followed time.Duration

	since   time.Time     // when Timeout began, if not now
	silence time.Duration // silence that ends the wait with errQuiet, so that the caller can act and wait again
	onData  func() error  // called in the goroutine of the wait after bytes came; its error ends the wait
}

// errSilence ends a wait with a silence. It does not leave the package.
var errSilence = errors.New("silence")

// Match is the result of a wait.
type Match struct {
	Index  int      // into Wait.For
	Text   string   // what matched
	Groups []string // of a regular expression
	Before string   // clean text that came before it and after the last match, if it was wanted; at most the last 32 KiB

	Followed time.Time // when a prompt that other text followed was found; zero for every other match
}

// Expect waits for one of w.For in what came since the last match.
func (c *Console) Expect(ctx context.Context, w Wait) (Match, error) {
	if err := c.checkIdle(); err != nil {
		return Match{}, err
	}
	w.Abort = c.watches.apply(w.Abort)
	x := newWaiter(w)
	c.stream.startWait(x)
	d := newDeadlines(c, x)
	defer func() { d.stop() }()
	for aborted := x.aborted; ; {
		var err error
		select {
		case <-x.matched:
			m, _ := c.stream.endWait(x)
			return m, nil
		case <-x.promptFound:
			d.startSettle()
		case <-x.followedFound:
			d.startFollowed()
		case <-aborted:
			aborted = nil
			if w.grace == 0 {
				err = x.abortError()
			} else {
				d.startGrace()
			}
		case <-d.next():
			err = d.expire()
		case <-d.reconnected:
			d.resume()
		case <-x.arrived:
			if err := w.onData(); err != nil { // also when there is a match by now
				c.stream.abandonWait()
				return Match{}, c.Fail(err)
			}
		case <-ctx.Done():
			err = d.cancelled(context.Cause(ctx))
		case <-c.lost:
			err = c.lostError("waiting for " + w.name())
		}
		if err != nil {
			return c.fail(x, err)
		}
	}
}

// fail ends a wait with an error, unless there is a match by now.
func (c *Console) fail(x *waiter, err error) (Match, error) {
	if m, ok := c.stream.endWait(x); ok {
		return m, nil
	}
	if err != errSilence {
		err = c.Fail(err)
	}
	return Match{}, err
}

// checkIdle returns an error while a wait is in progress: a function that gets the lines of a command cannot run
// another one.
func (c *Console) checkIdle() error {
	if name, ok := c.stream.waiting(); ok {
		return classify.New(classify.ConsoleBusy, "the console is busy, waiting for %s", name)
	}
	return nil
}

// timeoutError returns the error of a wait whose Timeout has passed.
func (w Wait) timeoutError() error {
	kind := w.Kind
	if kind == "" {
		kind = classify.ConsoleTimeout
	}
	return classify.New(kind, "timed out after %s waiting for %s", w.Timeout, w.name())
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }

// name returns what is awaited, for an error text.
func (w Wait) name() string {
	if w.What != "" {
		return w.What
	}
	var patterns []string
	for _, p := range w.For {
		patterns = append(patterns, p.String())
	}
	return strings.Join(patterns, " or ")
}

// Drain waits until nothing has come for silence, at most for limit, and drops what came.
func (c *Console) Drain(ctx context.Context, silence, limit time.Duration) error {
	_, err := c.Expect(ctx, Wait{What: "silence", Stall: silence, Timeout: limit})
	c.Skip()
	if classify.Find(err, classify.ConsoleStall) != nil || classify.Find(err, classify.ConsoleTimeout) != nil {
		return nil
	}
	return err
}
