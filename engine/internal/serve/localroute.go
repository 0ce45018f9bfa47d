package serve

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"github.com/flashlua/flashlua/classify"
)

// localRoute is the route to a server of this process.
type localRoute struct {
	*route
	note     func(string)
	answered bool  // the owner has answered the last registration
	refused  error // its answer
	accepted bool  // an owner has accepted the route
}

// add adds the route to a server of this process.
func (b *switchboard) add(t *TFTP, note func(string)) error {
	names := t.names() // files of further names can be requested with the token
	x := &route{token: t.token, user: os.Getuid(), names: names[:min(len(names), maxNames)], deliver: t.handle}
	if _, err := b.routes.set(x, nil); err != nil {
		return classify.Wrap(err, classify.Internal, "a run's files cannot be served")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.local[x.token] = &localRoute{route: x, note: note, answered: b.state == owner}
	b.changedLocked()
	return nil
}

// await waits until the owner of the port has answered the registration of a token, "" for none: until there is a
// source of requests.
func (b *switchboard) await(ctx context.Context, token string) error {
	for {
		b.mu.Lock()
		state, failure, changed := b.state, b.failure, b.changed
		ready := state == owner || state == member
		if l := b.local[token]; l != nil {
			ready = ready && l.answered
			failure = cmp.Or(l.refused, failure)
			if l.refused != nil {
				state = failed
			}
		}
		b.mu.Unlock()
		switch {
		case state == failed:
			return failure
		case ready:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// move records the address of the board of a route.
func (b *switchboard) move(token, address string) {
	b.mu.Lock()
	l := b.local[token]
	if l == nil {
		b.mu.Unlock()
		return
	}
	x := *l.route
	x.address = address
	said, err := b.routes.set(&x, l.route)
	if err == nil {
		l.route = &x
	}
	b.changedLocked()
	b.mu.Unlock()
	if said != "" {
		l.note(said)
	}
}

// remove removes the route to a server of this process.
func (b *switchboard) remove(token string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.local[token]; l != nil {
		b.routes.remove(l.route)
		delete(b.local, token)
		b.changedLocked()
	}
}

// registered returns the registrations of the routes to the servers of this process, by token, and a channel that is
// closed when they change.
func (b *switchboard) registered() (all map[string]message, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all = map[string]message{}
	for token, l := range b.local {
		all[token] = message{Token: token, Address: l.address, Names: l.names}
	}
	return all, b.changed
}

// answer records the owner's answer to a registration.
func (b *switchboard) answer(m message) {
	b.mu.Lock()
	l := b.local[m.Token]
	if l == nil {
		b.mu.Unlock()
		return
	}
	l.answered, l.refused = true, nil
	said := m.Note
	if m.Refused == "" {
		l.accepted = true
	} else {
		if l.accepted { // otherwise join returns it
			said = m.Refused
		}
		l.refused = fmt.Errorf("the process that serves %s refuses this run: %s", b.address, m.Refused)
	}
	b.changedLocked()
	b.mu.Unlock()
	if said != "" {
		l.note(said)
	}
}
