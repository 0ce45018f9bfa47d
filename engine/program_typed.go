package engine

import "github.com/flashlua/flashlua/engine/transport"

// typedPort tells of every write to a port, before it.
type typedPort struct {
	transport.Port
	typed func()
}

func (p typedPort) Write(b []byte) (int, error) {
	p.typed()
	return p.Port.Write(b)
}

// markTyped notes that the program types on a console: what its commands do to a medium is not known.
func (p *Program) markTyped() {
	p.typed.Store(true)
	p.run.markMedia(Unknown)
}

// leftAs is the state of the target that a flash left in state, given what the program did to it before.
func (p *Program) leftAs(port, target, state string) string {
	if state != Untouched {
		p.typed.Store(false)
		return state
	}
	for _, x := range p.flashResults {
		switch {
		case x.port != port || x.target != target:
		case x.state == Partial:
			state = Partial
		case x.state != Untouched && x.state != "":
			state = Unknown // it holds what an earlier flash left
		}
	}
	if p.typed.Load() {
		state = Unknown
	}
	return state
}
