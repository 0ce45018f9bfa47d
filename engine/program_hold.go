package engine

import (
	"context"
	"slices"
	"sync"

	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/hold"
)

// programHolds are the console ports that a program has open itself, and holds. A port is released when the program
// opens another one or flashes after it has closed the port, or ends. Safe for concurrent use.
type programHolds struct {
	mu  sync.Mutex // guards what follows
	all []portHold
}

type portHold struct {
	name    string
	con     *console.Console
	release func()
}

// names returns the names of the ports that are open, after it has released the others.
func (h *programHolds) names() (names []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = slices.DeleteFunc(h.all, func(p portHold) bool {
		if p.con.Closed() {
			p.release()
			return true
		}
		names = append(names, p.name)
		return false
	})
	return names
}

func (h *programHolds) add(p portHold) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, p)
}

// holdPort holds the port of a console that the program opens. If the program has it open already, opening it again
// says so.
func (p *Program) holdPort(ctx context.Context, spec string) (name string, release func(), err error) {
	if p.run.Hold == nil {
		return "", func() {}, nil
	}
	name, err = consoleIdentity(ctx, spec)
	if err != nil || name == "" || slices.Contains(p.holds.names(), name) {
		return "", func() {}, err
	}
	release, err = p.run.Hold(ctx, []string{name}, hold.Request{Notify: func(q hold.Queue) error {
		p.run.events.emit(Event{Type: EventHold, Place: q.Place, Text: q.String()})
		return nil
	}})
	if err != nil {
		return "", nil, err
	}
	return name, sync.OnceFunc(release), nil
}

// holdOthers returns how a flash of the program holds what the program does not hold itself: for that it would wait
// without end.
func (p *Program) holdOthers() HoldFunc {
	acquire := p.run.Hold
	if acquire == nil {
		return nil
	}
	own := p.holds.names()
	return func(ctx context.Context, names []string, r hold.Request) (func(), error) {
		names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(own, name) })
		if len(names) == 0 {
			return func() {}, nil
		}
		return acquire(ctx, names, r)
	}
}
