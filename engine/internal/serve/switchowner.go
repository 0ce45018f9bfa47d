package serve

import (
	"context"
	"fmt"
	"net"
	"sync"
)

const (
	maxPeers     = 512 // connections of other processes
	maxPeersUser = 256 // of one user
	maxPeerQueue = 64  // messages to a process; more are dropped, and the clients repeat their requests
	maxPeerRoute = 256 // routes of a connection
)

// own reads the requests that come to conn and forwards them, until ctx ends or conn fails. It closes both sockets.
// control is nil where there are no control sockets.
func (b *switchboard) own(ctx context.Context, conn net.PacketConn, control net.Listener) error {
	p := &peers{board: b, count: map[int]int{}}
	ctx, end := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() {
		conn.Close()
		if control != nil {
			control.Close()
		}
	})
	defer func() {
		end()
		if stop() {
			conn.Close()
			if control != nil {
				control.Close()
			}
		}
		p.running.Wait()
	}()
	if control != nil {
		p.running.Go(func() { p.accept(ctx, control) })
	}
	b.became(owner)
	b.log("this process serves " + b.address)
	buf := make([]byte, maxRequest)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return err
		}
		b.forward(conn, from, buf[:n])
	}
}

// forward forwards a packet to the route that it is for, or answers it.
func (b *switchboard) forward(conn net.PacketConn, from net.Addr, packet []byte) {
	switch op := opOf(packet); op {
	case opNone:
	case opRead:
		name := requestedName(packet)
		x, refused := b.routes.pick(name, from)
		if refused != "" {
			b.log(fmt.Sprintf("refuses %s the file %q: %s", from, name, refused))
			sendError(conn, from, errNotFound, refused)
			return
		}
		b.log(fmt.Sprintf("forwards the request of %s for %q to the run %s", from, name, x.token))
		x.deliver(from, packet)
	default:
		if code, text := refusal(op); text != "" {
			sendError(conn, from, code, text)
		}
	}
}

// peers are the connections of other processes to an owner.
type peers struct {
	board   *switchboard
	running sync.WaitGroup

	mu    sync.Mutex  // guards count
	count map[int]int // connections by user
}

// accept serves connections until the listener is closed.
func (p *peers) accept(ctx context.Context, control net.Listener) {
	for {
		conn, err := control.Accept()
		if err != nil {
			return
		}
		process, err := peerOf(conn)
		if err == nil {
			err = p.admit(process)
		}
		if err != nil {
			conn.Close()
			continue
		}
		p.running.Go(func() {
			defer p.leave(process)
			newPeer(p.board, conn, process).serve(ctx)
		})
	}
}

// admit counts a connection of a process.
func (p *peers) admit(process peerProcess) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := 0
	for _, n := range p.count {
		all += n
	}
	if all >= maxPeers || p.count[process.user] >= maxPeersUser {
		return fmt.Errorf("too many connections")
	}
	p.count[process.user]++
	return nil
}

func (p *peers) leave(process peerProcess) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count[process.user]--
}
