package serve

import (
	"net"
	"sync"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

// The sender of a request by UDP may be forged. Until a client has acknowledged something, it gets little; and no client
// gets many transfers.
const (
	maxUnheard          = 3  // sends of a transfer that was never acknowledged
	maxUnheardPerHost   = 12 // the same of all transfers of a host, in quietTime
	quietPeriod         = 10 * time.Second
	maxTransfers        = 64 // at once
	maxTransfersPerHost = 8
	// livelyPeriod is how long after its last answer a transfer is not ended for the sake of another one.
	livelyPeriod = 2 * time.Second
	maxHosts     = 1 << 10 // that are remembered for what they did not answer
)

// transfers are those under way.
type transfers struct {
	mu     sync.Mutex // mu guards what follows
	active map[string]*transfer
	quiet  map[string]*quietHost
	closed bool
}

// quietHost counts what a host was sent that it did not answer.
type quietHost struct {
	since time.Time
	sends int
}

func newTransfers() *transfers {
	return &transfers{active: map[string]*transfer{}, quiet: map[string]*quietHost{}}
}

// hostOf returns the address of a client without its port.
func hostOf(client net.Addr) string {
	host, _, err := net.SplitHostPort(client.String())
	if err != nil {
		return client.String()
	}
	return host
}

// isRetransmit reports whether a request came twice: the answer is on its way, or will be sent again soon.
func (t *transfers) isRetransmit(from net.Addr, request string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.active[from.String()]
	return x != nil && x.request == request && clock.Real{}.Now().Sub(x.began) < resendAfter
}

// admit takes a transfer in and reports whether there is room. It ends an older one of the same client; where there are too
// many of a host, or of all, one that nothing is heard of.
func (t *transfers) admit(x *transfer) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	if older := t.active[x.to.String()]; older != nil {
		t.endLocked(older)
	}
	host, ofHost := hostOf(x.to), 0
	for _, other := range t.active {
		if hostOf(other.to) == host {
			ofHost++
		}
	}
	if ofHost >= maxTransfersPerHost && !t.evictLocked(host) || len(t.active) >= maxTransfers && !t.evictLocked("") {
		return false
	}
	t.active[x.to.String()] = x
	return true
}

// evictLocked ends the transfer that nothing was heard of for longest, of a host or of all. The caller holds mu.
func (t *transfers) evictLocked(host string) bool {
	var worst *transfer
	for _, x := range t.active {
		if (host == "" || hostOf(x.to) == host) && (worst == nil || x.isStaler(worst)) {
			worst = x
		}
	}
	if worst == nil || worst.hasAnswered() && (clock.Real{}).Now().Sub(worst.lastHeard()) < livelyPeriod {
		return false
	}
	t.endLocked(worst)
	return true
}

// endLocked ends a transfer. The caller holds mu.
func (t *transfers) endLocked(x *transfer) {
	x.conn.Close()
	delete(t.active, x.to.String())
}

// remove takes out a transfer that has ended.
func (t *transfers) remove(x *transfer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.active[x.to.String()] == x {
		delete(t.active, x.to.String())
	}
}

// mayStart reports whether a host may be sent something that it may not have asked for, and counts it.
func (t *transfers) mayStart(to net.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	host, now := hostOf(to), clock.Real{}.Now()
	q := t.quiet[host]
	if q == nil || now.Sub(q.since) >= quietPeriod {
		if len(t.quiet) >= maxHosts {
			clear(t.quiet) // of so many hosts, no one gets much
		}
		q = &quietHost{since: now}
		t.quiet[host] = q
	}
	if q.sends == maxUnheardPerHost {
		return false
	}
	q.sends++
	return true
}

// markHeard notes that a client answered: its host asked for what it was sent.
func (t *transfers) markHeard(x *transfer) {
	if x.answered.Swap(clock.Real{}.Now().UnixNano()) != 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.quiet, hostOf(x.to))
}

// close ends all transfers, and lets no other begin. It reports whether it was called before.
func (t *transfers) close() (before bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, t.closed = t.closed, true
	for _, x := range t.active {
		t.endLocked(x)
	}
	return before
}

// hasAnswered reports whether its client has ever answered.
func (x *transfer) hasAnswered() bool { return x.answered.Load() != 0 }

func (x *transfer) lastHeard() time.Time { return time.Unix(0, x.answered.Load()) }

// isStaler reports whether less was heard of x than of other.
func (x *transfer) isStaler(other *transfer) bool {
	if x.hasAnswered() != other.hasAnswered() {
		return !x.hasAnswered()
	}
	if !x.hasAnswered() {
		return x.began.Before(other.began)
	}
	return x.lastHeard().Before(other.lastHeard())
}
