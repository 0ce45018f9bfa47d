package console

import (
	"fmt"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// deadlines are the moments at which a wait has something to do when nothing comes. The zero time is none. One
// timer runs, for the earliest. deadlines belong to the goroutine that waits.
type deadlines struct {
	con   *Console
	x     *waiter
	began time.Time // when the wait began
	since time.Time // when its Timeout began

	timeout time.Time // the wait has lasted for its Timeout
	stall   time.Time // its Stall has passed since the last byte that was known when this was set
	silence time.Time // likewise, its silence
	grace   time.Time // the abort that was found counts
	settle  time.Time // the prompt that was found can be confirmed

	followed   time.Time // the prompt that other text followed is a match
	followedAt time.Time // it was found then; zero if there is none

	reconnected <-chan struct{} // closed when the lost port is open again; nil unless a deadline passed while it was lost

	timerAt time.Time
	timer   <-chan struct{}
	stop    func() bool
}

// newDeadlines returns the deadlines of a wait that begins now.
func newDeadlines(c *Console, x *waiter) *deadlines {
	now := c.clk.Now()
	d := &deadlines{con: c, x: x, began: now, since: x.since, stop: func() bool { return false }}
	if d.since.IsZero() {
		d.since = now
	}
	if x.Timeout > 0 {
		d.timeout = d.since.Add(x.Timeout)
	}
	if x.Stall > 0 {
		d.stall = now.Add(x.Stall - c.stream.idle(now, d.since))
	}
	if x.silence > 0 {
		d.silence = now.Add(x.silence)
	}
	return d
}

// next returns a channel that is closed at the earliest deadline, nil if there is none.
func (d *deadlines) next() <-chan struct{} {
	var first time.Time
	for _, at := range []time.Time{d.timeout, d.stall, d.silence, d.grace, d.settle, d.followed} {
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if !first.Equal(d.timerAt) {
		d.stop()
		d.timerAt, d.timer = first, nil
		if !first.IsZero() {
			d.timer, d.stop = clock.After(d.con.clk, first.Sub(d.con.clk.Now()))
		}
	}
	return d.timer
}

// startSettle sets the deadline of a prompt that was found.
func (d *deadlines) startSettle() {
	if d.settle.IsZero() {
		d.settle = d.con.clk.Now().Add(promptSettle)
	}
}

// startFollowed sets the deadline of a prompt that other text followed, unless there was one before.
func (d *deadlines) startFollowed() {
	if d.followedAt.IsZero() {
		d.followedAt = d.con.clk.Now()
		d.followed = d.followedAt.Add(d.x.Wait.Followed)
	}
}

// startGrace sets the deadline of an abort that was found.
func (d *deadlines) startGrace() { d.grace = d.con.clk.Now().Add(d.x.grace) }

// resume sets the whole Timeout and Stall again after the port was lost.
func (d *deadlines) resume() {
	now := d.con.clk.Now()
	d.reconnected = nil
	if d.x.Timeout > 0 {
		d.timeout = now.Add(d.x.Timeout)
	}
	if d.x.Stall > 0 {
		d.stall = now.Add(d.x.Stall)
	}
}

// expire acts on each deadline that has passed, and returns the error of the one that ends the wait.
func (d *deadlines) expire() error {
	d.timerAt, d.timer = time.Time{}, nil // it has fired
	now := d.con.clk.Now()
	passed := func(at *time.Time) bool {
		is := !at.IsZero() && !now.Before(*at)
		if is {
			*at = time.Time{}
		}
		return is
	}
	if passed(&d.settle) {
		d.con.stream.confirmPrompt(d.x, now)
	}
	if passed(&d.grace) {
		return d.x.abortError()
	}
	if passed(&d.followed) {
		d.con.stream.confirmFollowed(d.x, d.followedAt)
		return nil
	}
	if passed(&d.timeout) && !d.suspend() {
		return d.x.timeoutError()
	}
	if passed(&d.stall) && !d.suspend() {
		left := d.x.Stall - d.con.stream.idle(now, d.since)
		if left <= 0 {
			return classify.New(classify.ConsoleStall, "silence for %s while waiting for %s", d.x.Stall, d.x.name())
		}
		d.stall = now.Add(left)
	}
	if passed(&d.silence) {
		left := d.x.silence - d.con.stream.idle(now, d.began)
		if left <= 0 && d.grace.IsZero() && d.con.port.reconnected() == nil { // an abort waits for its grace first
			return errSilence
		}
		d.silence = now.Add(max(left, promptSettle))
	}
	return nil
}

// suspend reports whether the port is lost; then resume sets the deadlines again when it is open.
func (d *deadlines) suspend() bool {
	if ch := d.con.port.reconnected(); ch != nil {
		d.reconnected = ch
		return true
	}
	return false
}

// cancelled returns the error of a wait that its context ended.
func (d *deadlines) cancelled(cause error) error {
	lost := ""
	if d.con.port.reconnected() != nil {
		lost = " while the console port is away"
	}
	return &classify.Error{Msg: fmt.Sprintf("waited %s for %s%s", round(d.con.clk.Now().Sub(d.since)), d.x.name(), lost), Cause: cause}
}
