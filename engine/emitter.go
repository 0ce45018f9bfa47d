package engine

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
)

// progressInterval is the shortest time between two progress events of a step that is not complete.
const progressInterval = 100 * time.Millisecond

// emitter sends the events of a run to its subscriber: one at a time, in order, with secrets masked, and progress
// at intervals. Safe for concurrent use.
type emitter struct {
	clock   clock.Clock
	secrets *console.Secrets
	sub     *subscriber // nil: the run has none
	runID   string
	source  runName // of a run within a program
	attempt atomic.Int64

	mu           sync.Mutex // guards what follows, and is held while an event is sent
	lastProgress map[string]progressMark
}

// progressMark is the last progress event of a step.
type progressMark struct {
	at          time.Time
	done, total int64
}

// newEmitter returns an emitter that calls subscriber with every event; subscriber may be nil.
func newEmitter(clk clock.Clock, secrets *console.Secrets, runID string, source runName, subscriber func(Event)) *emitter {
	e := &emitter{clock: clk, secrets: secrets, runID: runID, source: source, lastProgress: map[string]progressMark{}}
	if subscriber != nil {
		e.sub = newSubscriber(clk, subscriber)
	}
	return e
}

// emit sends an event.
func (e *emitter) emit(event Event) {
	if e.sub == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sendLocked(event)
}

func (e *emitter) sendLocked(event Event) {
	event.Text, event.Error, event.Step = masked(e.secrets, event.Text), masked(e.secrets, event.Error), masked(e.secrets, event.Step)
	event.clip()
	event.Time, event.RunID = e.clock.Now(), e.runID
	if e.source.number > 0 {
		e.source.name(&event)
	}
	event.Attempt = e.lastAttempt()
	e.sub.deliver(event)
}

// beginAttempt sets the number of the attempt that events and the report have, from 1. The board is touched from
// then on.
func (e *emitter) beginAttempt(n int) { e.attempt.Store(int64(n)) }

// lastAttempt returns the number of the current or last attempt, 0 until the board is touched.
func (e *emitter) lastAttempt() int { return int(e.attempt.Load()) }

// note sends a text for people.
func (e *emitter) note(text string) { e.emit(Event{Type: EventNote, Text: text}) }

// unknown reports an error that no rule knows.
func (e *emitter) unknown(err error, stack []byte) {
	e.emit(Event{Type: EventUnknown, Error: strings.Join(classify.Messages(err), ": "), Text: string(stack)})
}

// progress reports how many bytes a step has done; total is 0 while it is not known.
func (e *emitter) progress(step string, done, total int64) {
	if e.sub == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	last, ok := e.lastProgress[step]
	switch now := e.clock.Now(); {
	case ok && done == last.done && total == last.total:
	case !ok || done < last.done || done == total || now.Sub(last.at) >= progressInterval:
		e.lastProgress[step] = progressMark{now, done, total}
		e.sendLocked(Event{Type: EventProgress, Step: step, Done: done, Total: total})
	}
}

// close waits a moment for the subscriber. It returns how many events the subscriber did not get, and its panic.
func (e *emitter) close(hurry <-chan struct{}) (lost int64, failed error) {
	if e.sub == nil {
		return 0, nil
	}
	return e.sub.close(hurry)
}
