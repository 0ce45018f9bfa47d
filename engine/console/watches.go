package console

import (
	"slices"
	"sync"
)

// Watch changes which texts mean failure, from PushAborts until it is undone.
type Watch struct {
	Add     []Abort  // more aborts for each wait that has built-in ones
	Disable []string // names of built-in aborts that mean nothing on this board, or now
}

// watches is the stack of a console's changes to the aborts.
type watches struct {
	mu  sync.Mutex // mu guards all
	all []Watch
}

// push adds a change. pop removes it, with all that were pushed after it.
func (w *watches) push(change Watch) (pop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.all)
	w.all = append(w.all, change)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.all = w.all[:n]
	}
}

// apply returns a wait's own aborts with all changes. A wait without aborts stays without.
func (w *watches) apply(own []Abort) []Abort {
	if len(own) == 0 {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	aborts := slices.Clone(own)
	for _, change := range w.all {
		aborts = slices.DeleteFunc(aborts, func(a Abort) bool { return a.Name != "" && slices.Contains(change.Disable, a.Name) })
		aborts = append(aborts, change.Add...)
	}
	return aborts
}

// disabled reports whether the built-in abort of that name is disabled.
func (w *watches) disabled(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.all, func(change Watch) bool { return slices.Contains(change.Disable, name) })
}

// PushAborts changes which texts mean failure until pop is called. The changes that were pushed last are popped
// first.
func (c *Console) PushAborts(w Watch) (pop func()) { return c.watches.push(w) }

// AbortDisabled reports whether the built-in abort of that name means nothing now.
func (c *Console) AbortDisabled(name string) bool { return c.watches.disabled(name) }
