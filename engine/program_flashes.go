package engine

import (
	"slices"
	"sync/atomic"

	"github.com/flashlua/flashlua/classify"
)

// flashRecords are the media that a program had flashed. One goroutine at a time uses it, but for typed.
type flashRecords struct {
	results []flashResult // the last one of each medium
	typed   atomic.Bool   // the program typed on a console of its own, after the last flash that changed a medium
}

// flashResult is the result of the last flash of a medium.
type flashResult struct {
	port, target string
	err          error
	state        State // of the target; "" if the flash could not begin
}

// record replaces the former result of the same medium, and one of the same port that had no target.
func (r *flashRecords) record(last flashResult) {
	r.results = slices.DeleteFunc(r.results, func(x flashResult) bool { return x.port == last.port && (x.target == last.target || x.target == "") })
	r.results = append(r.results, last)
}

// failure returns an error if the last flash of a medium failed.
func (r *flashRecords) failure() error {
	prefixed := func(prefix, s string) string {
		if s == "" {
			return ""
		}
		return prefix + s
	}
	for _, x := range r.results {
		if x.err != nil {
			return classify.WithSecondary(classify.WithHint(classify.New(classify.FlashUnverified, "the program ended, but the last flash%s%s did not end verified",
				prefixed(" of ", x.target), prefixed(" on ", x.port)),
				"a failed flash that is caught is a failure all the same: flash it again until it succeeds, or let the error go on"), x.err)
		}
	}
	return nil
}

// stateAfter returns the state of a target after a flash that reported state, given what the program did to it
// before.
func (r *flashRecords) stateAfter(port, target string, state State) State {
	if state != Untouched {
		r.typed.Store(false)
		return state
	}
	for _, x := range r.results {
		switch {
		case x.port != port || x.target != target:
		case x.state == Partial:
			state = Partial
		case x.state != Untouched && x.state != "":
			state = Unknown // it holds what an earlier flash left
		}
	}
	if r.typed.Load() {
		state = Unknown
	}
	return state
}
