package serve

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

// switchboard shares one UDP port for the requests of TFTP among the servers of this process and those of other
// processes. One process owns the port, and a control socket with the name of its address. It reads the requests, and
// forwards each to the server that has the file, which sends the file from a socket of its own. A process that finds
// the port taken connects to the control socket, and registers its servers there. When the owner ends, the others
// become the owner or connect to the new one; a request that is lost meanwhile is repeated by its client.
//
// It is safe for concurrent use.
type switchboard struct {
	address string // of the port
	group   int    // of other users' processes that may register; negative for any
	log     func(string)
	routes  routes // to the servers of this process and, while it owns the port, of other processes

	source string // the address of the last source of requests; only run uses it

	cancel context.CancelFunc
	done   chan struct{} // closed after the sockets are closed

	mu      sync.Mutex             // guards what follows
	uses    int                    // by servers of this process
	closed  bool                   // the last use has ended
	local   map[string]*localRoute // by token
	state   switchState
	failure error         // if state is failed; the reason of the last failure if it is down
	changed chan struct{} // closed, and replaced, with each change of what mu guards
}

// switchState is how a switchboard gets its requests.
type switchState int

const (
	opening switchState = iota // it has not had any source of requests
	owner
	member // of another process's switchboard
	down   // it lost its source of requests, and looks for another one
	failed
)

const (
	// openTries is how often a switchboard looks for a source of requests before it fails: the owner of the port may
	// be ending.
	openTries = 8
	minRetry  = 5 * time.Millisecond
	maxRetry  = 250 * time.Millisecond
)

func newSwitchboard(address string, group int, log func(string)) *switchboard {
	ctx, cancel := context.WithCancel(context.Background())
	b := &switchboard{
		address: address, source: address, group: group, log: log, cancel: cancel, done: make(chan struct{}),
		local: map[string]*localRoute{}, changed: make(chan struct{}),
	}
	go b.run(ctx)
	return b
}

// run looks for a source of requests until ctx ends, or none is found at first.
func (b *switchboard) run(ctx context.Context) {
	defer close(b.done)
	for try := 0; ctx.Err() == nil; try++ {
		at := b.source // of processes that use other addresses, too
		if try >= openTries/2 && try%2 == 1 {
			at = b.address
		}
		had, err := b.receive(ctx, at)
		if had {
			try = 0
		}
		if b.lost(err, try) {
			return
		}
		retry := min(minRetry<<min(try, 10), maxRetry)
		clock.Real{}.Sleep(ctx, retry/2+rand.N(retry)) // another process does the same
	}
}

// lost records that there is no source of requests after so many tries, and reports whether that is final.
func (b *switchboard) lost(err error, try int) (final bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failure = err
	switch {
	case b.state == opening && (try+1 >= openTries || !errors.Is(err, syscall.EADDRINUSE)):
		b.state = failed
	case b.state != opening:
		b.state = down
	}
	b.changedLocked()
	return b.state == failed
}

// changedLocked wakes those that wait for a change. The caller holds mu.
func (b *switchboard) changedLocked() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// receive owns the port at an address, or is connected to its owner, until that ends. had reports whether it was
// either.
func (b *switchboard) receive(ctx context.Context, at string) (had bool, err error) {
	control, err := listenControl(ctx, at)
	if errors.Is(err, syscall.EADDRINUSE) {
		return b.connect(ctx, at, err)
	}
	conn, err := new(net.ListenConfig).ListenPacket(ctx, "udp", at)
	if err == nil {
		b.source = at
		return true, b.own(ctx, conn, control)
	}
	if control != nil {
		control.Close()
	}
	if all := onAllAddresses(at); all != at { // on which another process may listen
		return b.connect(ctx, all, err)
	}
	return false, err
}

// connect forwards requests from the owner of the port at an address, until that ends. taken is the error with which
// this process could not own the port.
func (b *switchboard) connect(ctx context.Context, address string, taken error) (had bool, err error) {
	conn, err := dialControl(ctx, address)
	if err != nil {
		return false, taken
	}
	defer conn.Close()
	process, err := peerOf(conn)
	if err != nil {
		return false, err
	}
	if !process.hasPort(portOf(address)) {
		return false, fmt.Errorf("%s listens for runs of flashlua, but does not serve the port: %w", process, taken)
	}
	m := &membership{board: b, conn: conn, process: process}
	if had, err = m.run(ctx); err == nil {
		err = taken
	}
	if had {
		b.source = address
	}
	return had, err
}

// became records a source of requests.
func (b *switchboard) became(s switchState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state, b.failure = s, nil
	for _, l := range b.local {
		l.answered = s == owner
	}
	b.changedLocked()
}

// use adds a use, and reports whether the switchboard still works.
func (b *switchboard) use() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.uses++
	return true
}

// unuse ends a use, and reports whether it was the last one.
func (b *switchboard) unuse() (last bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.uses--
	b.closed = b.uses == 0
	return b.closed
}

// problem returns why there are no requests, nil if there is a source of them.
func (b *switchboard) problem() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != down || b.failure == nil {
		return nil
	}
	return fmt.Errorf("the process that served %s has ended, and this one cannot take its place: %w", b.address, b.failure)
}
