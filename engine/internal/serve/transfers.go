package serve

import (
	"net"
	"sync"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

// The sender of a UDP request may be forged. Until a client has acknowledged a packet, it is sent few; and no
// client gets many transfers.
const (
	maxUnheard          = 3  // packets of a transfer that was never acknowledged
	maxUnheardPerHost   = 12 // the same for all transfers of a host, per quietPeriod
	quietPeriod         = 10 * time.Second
	maxTransfers        = 64 // at once
	maxTransfersPerHost = 8
	// staleRequest is how long after an answer of a transfer its request may still arrive once more. U-Boot
	// repeats a request every second, so that a new load waits no longer than that.
	staleRequest = time.Second
	// livelyPeriod is how long after its last answer a transfer is not ended in favour of another.
	livelyPeriod = 2 * time.Second
	maxHosts     = 1 << 10 // with a quietHost
)

// transfers are the transfers in progress. It is safe for concurrent use.
type transfers struct {
	mu     sync.Mutex // guards what follows
	active map[string]*transfer
	quiet  map[string]*quietHost
	closed bool
}

// quietHost counts the packets to a host that it did not answer.
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

// repeat reports whether a request was repeated while its transfer begins or makes progress. The transfer then goes
// on: the client may have the first packet of it by now, and ignores every other socket from then on. One that has
// never answered gets that packet again.
func (t *transfers) repeat(from net.Addr, request string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.active[from.String()]
	if x == nil || x.request != request {
		return false
	}
	now := clock.Real{}.Now()
	if x.hasAnswered() {
		return now.Sub(x.lastHeard()) < staleRequest
	}
	if now.Sub(x.began) >= resendAfter {
		x.repeated.Add(1)
		x.conn.SetReadDeadline(now) // it sends the packet again
	}
	return true
}

// admit adds a transfer and reports whether there is room. It ends an older one of the same client; if there are
// too many of a host, or of all, it ends the one that was silent for longest.
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

// evictLocked ends the transfer that was silent for longest, of a host or of all. The caller holds mu.
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

// remove removes a transfer that has ended.
func (t *transfers) remove(x *transfer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.active[x.to.String()] == x {
		delete(t.active, x.to.String())
	}
}

// mayStart reports whether a packet may be sent to a host that may not have requested it, and counts the packet.
func (t *transfers) mayStart(to net.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	host, now := hostOf(to), clock.Real{}.Now()
	q := t.quiet[host]
	if q == nil || now.Sub(q.since) >= quietPeriod {
		if len(t.quiet) >= maxHosts {
			clear(t.quiet) // with so many hosts, each gets few packets
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

// markHeard records that a client answered: its host did request the packets.
func (t *transfers) markHeard(x *transfer) {
	if x.answered.Swap(clock.Real{}.Now().UnixNano()) != 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.quiet, hostOf(x.to))
}

// close ends all transfers, and prevents new ones. It reports whether it was called before.
func (t *transfers) close() (before bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, t.closed = t.closed, true
	for _, x := range t.active {
		t.endLocked(x)
	}
	return before
}

// hasAnswered reports whether the client has ever answered.
func (x *transfer) hasAnswered() bool { return x.answered.Load() != 0 }

func (x *transfer) lastHeard() time.Time { return time.Unix(0, x.answered.Load()) }

// isStaler reports whether x was silent for longer than other.
func (x *transfer) isStaler(other *transfer) bool {
	if x.hasAnswered() != other.hasAnswered() {
		return !x.hasAnswered()
	}
	if !x.hasAnswered() {
		return x.began.Before(other.began)
	}
	return x.lastHeard().Before(other.lastHeard())
}
