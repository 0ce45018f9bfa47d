package engine

import (
	"slices"
	"sync"
)

// maxHistory bounds the errors that a run remembers.
const maxHistory = 100

// errorHistory are the errors of a run that another try of a step, or another attempt, followed.
type errorHistory struct {
	mu     sync.Mutex // guards what follows
	before []error    // the oldest first
}

// add appends an error. It drops the oldest one of more than maxHistory.
func (h *errorHistory) add(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.before = append(slices.Clone(h.before), err)
	if len(h.before) > maxHistory {
		h.before = h.before[1:]
	}
}

// errors returns the errors, the oldest first. The caller must not change them.
func (h *errorHistory) errors() []error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.before
}
