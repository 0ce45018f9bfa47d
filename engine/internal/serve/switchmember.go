package serve

import (
	"context"
	"fmt"
	"net"
	"reflect"
	"sync"
)

// membership is a connection to the process that owns the port.
type membership struct {
	board   *switchboard
	conn    net.Conn
	process peerProcess // the owner
}

// run registers the servers of this process with the owner, and delivers the requests that it forwards, until the
// owner or ctx ends. had reports whether the owner has accepted the connection.
func (m *membership) run(ctx context.Context) (had bool, err error) {
	ctx, end := context.WithCancel(ctx)
	var writer sync.WaitGroup
	defer writer.Wait()
	defer end()
	defer context.AfterFunc(ctx, func() { m.conn.Close() })()
	defer m.conn.Close()
	buf := make([]byte, maxMessage)
	for {
		n, err := m.conn.Read(buf)
		if err != nil {
			return had, nil
		}
		in, err := decode(buf[:n])
		switch {
		case err != nil:
			return had, err
		case in.Hello && !had:
			had = true
			m.board.became(member)
			m.board.log(fmt.Sprintf("%s serves %s; this process takes its place when it ends", m.process, m.board.address))
			writer.Go(func() { m.register(ctx) })
		case in.Packet != nil:
			m.deliver(in)
		case in.Token != "":
			m.board.answer(in)
		}
	}
}

// register sends the registrations of the servers of this process, and their changes, until ctx ends.
func (m *membership) register(ctx context.Context) {
	sent := map[string]message{}
	for {
		all, changed := m.board.registered()
		var out []message
		for token, x := range all {
			if old, ok := sent[token]; !ok || !reflect.DeepEqual(old, x) {
				out = append(out, x)
			}
		}
		for token := range sent {
			if _, ok := all[token]; !ok {
				out = append(out, message{Token: token, Gone: true})
			}
		}
		sent = all
		for _, x := range out {
			if _, err := m.conn.Write(x.encode()); err != nil {
				m.conn.Close()
				return
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// deliver delivers a request to the server that it is for.
func (m *membership) deliver(in message) {
	client, err := in.client()
	x := m.board.routes.get(in.Token)
	if err == nil && x != nil {
		x.deliver(client, in.Packet)
	}
}
