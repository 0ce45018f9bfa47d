package serve

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// peer is another process, which registers routes to its servers. One goroutine at a time uses it.
type peer struct {
	board   *switchboard
	conn    net.Conn
	process peerProcess
	out     chan message
	routes  map[string]*route
}

func newPeer(b *switchboard, conn net.Conn, process peerProcess) *peer {
	return &peer{board: b, conn: conn, process: process, out: make(chan message, maxPeerQueue), routes: map[string]*route{}}
}

// serve acts upon the messages of the process until it hangs up, sends what is none, or ctx ends.
func (p *peer) serve(ctx context.Context) {
	ctx, end := context.WithCancel(ctx)
	defer context.AfterFunc(ctx, func() { p.conn.Close() })()
	defer p.conn.Close()
	var writer sync.WaitGroup
	defer writer.Wait()
	defer end()
	writer.Go(func() { p.write(ctx) })
	defer func() {
		for _, x := range p.routes {
			p.board.routes.remove(x)
			p.board.log(fmt.Sprintf("the run %s of %s has ended", x.token, p.process))
		}
	}()
	p.send(message{Hello: true})
	buf := make([]byte, maxMessage)
	for {
		n, err := p.conn.Read(buf)
		if err != nil {
			return
		}
		m, err := decode(buf[:n])
		if err != nil {
			return
		}
		p.register(m)
	}
}

// send queues a message, or drops it: a process that does not read must not block the owner.
func (p *peer) send(m message) {
	select {
	case p.out <- m:
	default:
	}
}

// write writes the queued messages until ctx ends.
func (p *peer) write(ctx context.Context) {
	for {
		select {
		case m := <-p.out:
			if _, err := p.conn.Write(m.encode()); err != nil {
				p.conn.Close()
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// register adds, replaces or removes a route, and answers.
func (p *peer) register(m message) {
	old := p.routes[m.Token]
	if m.Gone {
		if old != nil {
			p.board.routes.remove(old)
			delete(p.routes, m.Token)
			p.board.log(fmt.Sprintf("the run %s of %s has ended", m.Token, p.process))
		}
		return
	}
	x, err := m.route(p.process.user)
	answer := message{Token: m.Token}
	switch {
	case err != nil:
	case !p.process.mayRegister(p.board.group):
		err = fmt.Errorf("%s is not in the group that --group names", p.process)
	case old == nil && len(p.routes) >= maxPeerRoute:
		err = fmt.Errorf("it has too many runs")
	default:
		x.deliver = func(client net.Addr, packet []byte) {
			p.send(message{Token: x.token, Client: client.String(), Packet: append([]byte(nil), packet...)})
		}
		answer.Note, err = p.board.routes.set(x, old)
	}
	if err != nil {
		answer.Refused = err.Error()
		p.board.log(fmt.Sprintf("refuses the run %q of %s: %s", m.Token, p.process, answer.Refused))
	} else {
		p.routes[m.Token] = x
		if old == nil {
			p.board.log(fmt.Sprintf("serves the run %s of %s: %q", x.token, p.process, x.names))
		}
	}
	p.send(answer)
}
