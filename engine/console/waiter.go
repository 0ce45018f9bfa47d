package console

import (
	"time"

	"github.com/flashlua/flashlua/classify"
)

// waiter is a wait in progress. The reader's goroutine scans each read for it, so that no byte is missed. Its
// fields are guarded by the stream's mu, but for the channels.
type waiter struct {
	Wait
	start   int64  // offset at which the wait began
	scanned int64  // offset up to which the stream was searched
	match   *Match // the result, once it is found
	matchAt int64  // its offset

	// prompt is a candidate at the end of what has arrived: a prompt, or a match that may grow. It becomes the match
	// if nothing follows for promptSettle.
	prompt    *Match
	promptAt  int64 // its offset
	promptEnd int64 // the length of the stream when it was found

	followed followedPrompt // the last prompt that other text followed

	abort *Abort // the first abort that was found

	matched     chan struct{} // closed when match is set
	aborted     chan struct{} // closed when abort is set
	promptFound chan struct{} // gets an element when prompt is to be confirmed; of capacity one
	// followedFound gets an element when followed is found; of capacity one
	followedFound chan struct{}
	arrived       chan struct{} // gets an element when bytes came, if onData is set; of capacity one
}

func newWaiter(w Wait) *waiter {
	return &waiter{
		Wait: w, matched: make(chan struct{}), aborted: make(chan struct{}),
		promptFound: make(chan struct{}, 1), followedFound: make(chan struct{}, 1), arrived: make(chan struct{}, 1),
	}
}

// scan searches the new bytes of buf, which begins at offset base, and reports whether the wait is over by a
// match.
func (x *waiter) scan(buf []byte, base int64) bool {
	if x.match != nil {
		return true
	}
	if x.onData != nil {
		notify(x.arrived)
	}
	start := int(max(x.start-base, 0)) // what came before the wait is not searched
	fresh := int(max(x.scanned-base, 0)) - start
	at := x.scanFor(buf[start:], fresh, base+int64(start))
	x.scanAborts(buf[start:], fresh, at)
	x.scanFollowed(buf[start:], fresh, base+int64(start))
	x.scanned = base + int64(len(buf))
	if x.match == nil {
		if x.prompt != nil {
			x.recheck()
		}
		return false
	}
	x.matchAt = base + int64(start+at)
	close(x.matched)
	return true
}

// scanFor searches for the patterns in buf, which begins at offset base. It returns the index of the first match,
// -1 if there is none.
func (x *waiter) scanFor(buf []byte, fresh int, base int64) (at int) {
	at, x.prompt = -1, nil
	for i, p := range x.For {
		m := p.find(buf, fresh)
		switch {
		case m == nil:
		case p.endsStream, p.settles && m[1] == len(buf):
			x.prompt = &Match{Index: i, Text: string(buf[m[0]:m[1]]), Groups: groups(buf, m)}
			x.promptAt, x.promptEnd = base+int64(m[0]), base+int64(len(buf))
		case at < 0 || m[0] < at:
			at = m[0]
			x.match = &Match{Index: i, Text: string(buf[m[0]:m[1]]), Groups: groups(buf, m)}
		}
	}
	return at
}

// scanAborts searches for the aborts. One after the match, which begins at index match, does not count.
func (x *waiter) scanAborts(buf []byte, fresh, match int) {
	for i := range x.Abort {
		if x.abort != nil {
			return
		}
		m := x.Abort[i].Pattern.find(buf, fresh)
		if m != nil && (match < 0 || m[0] < match) {
			x.abort = &x.Abort[i]
			close(x.aborted)
		}
	}
}

// recheck asks the waiting goroutine to confirm the prompt.
func (x *waiter) recheck() { notify(x.promptFound) }

// notify puts an element into a channel of capacity one, unless there is one.
func notify(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// abortError returns the error of the abort that was found.
func (x *waiter) abortError() error {
	return &classify.Error{Kind: x.abort.Kind, Msg: x.abort.Message, Hint: x.abort.Hint}
}

// startWait makes x the wait in progress. What no wait has consumed is searched at once.
func (s *stream) startWait(x *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.start, x.scanned = s.pos, s.pos
	s.waiter = x
	if len(s.buf) > 0 {
		x.scan(s.buf, s.base)
	}
}

// waiting returns the name of the wait in progress; ok is false if there is none.
func (s *stream) waiting() (name string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiter == nil {
		return "", false
	}
	return s.waiter.name(), true
}

// promptSettle is the silence after which what looks like a prompt is one. It is longer than a USB adapter's
// latency.
const promptSettle = 50 * time.Millisecond

// confirmPrompt makes a match of a prompt that nothing followed, or asks for another check.
func (s *stream) confirmPrompt(x *waiter, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case x.match != nil || x.prompt == nil:
	case x.promptEnd == s.received && now.Sub(s.lastByteAt) >= promptSettle:
		x.match, x.matchAt = x.prompt, x.promptAt
		close(x.matched)
	default:
		x.recheck()
	}
}

// endWait ends the wait in progress. It consumes the match and returns it; ok is false if there is none.
func (s *stream) endWait(x *waiter) (m Match, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiter = nil
	if x.match == nil {
		return Match{}, false
	}
	m = *x.match
	if x.Before {
		to := x.matchAt - s.base
		m.Before = clean(string(s.buf[min(s.pos-s.base, to):to]))
	}
	s.consumeLocked(x.matchAt, x.match.Text)
	s.trimLocked()
	return m, true
}

// abandonWait ends the wait in progress and leaves a match in the stream.
func (s *stream) abandonWait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiter = nil
}
