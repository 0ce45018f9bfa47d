package console

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// TestDeadlines tests which deadline of a wait passes first, and what it does, while the board is silent.
func TestDeadlines(t *testing.T) {
	for name, tt := range map[string]struct {
		wait  Wait
		lost  bool // the port is lost
		after time.Duration
		kind  classify.Kind // "": the wait goes on
	}{
		"timeout":                    {Wait{Timeout: time.Second}, false, time.Second, classify.ConsoleTimeout},
		"timeout that began earlier": {Wait{Timeout: time.Minute, since: time.Unix(1, 0)}, false, 20 * time.Second, classify.ConsoleTimeout},
		"stall":                      {Wait{Timeout: time.Minute, Stall: time.Second}, false, time.Second, classify.ConsoleStall},
		"timeout and stall at once":  {Wait{Timeout: time.Second, Stall: time.Second}, false, time.Second, classify.ConsoleTimeout},
		"timeout without a port":     {Wait{Timeout: time.Second, Stall: time.Minute}, true, time.Second, ""},
		"stall without a port":       {Wait{Timeout: time.Minute, Stall: time.Second}, true, time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := dial(t)
				if !tt.wait.since.IsZero() { // times in the bubble differ
					tt.wait.since = time.Now().Add(-40 * time.Second)
				}
				if tt.lost {
					c.port.mu.Lock()
					c.port.err = errNoDevice
					c.port.mu.Unlock()
				}
				began := time.Now()
				d := newDeadlines(c, newWaiter(tt.wait))
				<-d.next()
				err := d.expire()
				if got := time.Since(began); got != tt.after || classify.Facts(err).Kind != tt.kind {
					t.Errorf("expire() = %v of kind %q after %s; want kind %q after %s", err, classify.Facts(err).Kind, got, tt.kind, tt.after)
				}
				if tt.lost && d.reconnected == nil {
					t.Error("reconnected = nil; want the channel of the lost port")
				}
				d.stop()
			})
		})
	}
}

// TestDeadlinesResume: after the port was lost, the whole time starts again.
func TestDeadlinesResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := dial(t)
		d := newDeadlines(c, newWaiter(Wait{Timeout: time.Minute}))
		time.Sleep(50 * time.Second) // virtual
		d.resume()
		began := time.Now()
		<-d.next()
		if got := time.Since(began); got != time.Minute {
			t.Errorf("next() after resume() took %s; want 1m0s", got)
		}
		if d.expire() == nil || d.next() != nil {
			t.Error("expire() = nil, or next() has another deadline; want the timeout and no deadline")
		}
	})
}
