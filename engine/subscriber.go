package engine

import (
	"sync"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

const (
	// subscriberTimeout is how long the calls of a subscriber may keep a run waiting, all together.
	subscriberTimeout = 2 * time.Second
	// maxEvents is how many events wait for a subscriber that is behind.
	maxEvents = 4096
)

// subscriber calls Engine.Events. A run waits for a call to return, so that a subscriber may act on an event; one that
// takes more than subscriberTime in all is waited for no more: its events queue up, and are dropped when the queue is full.
type subscriber struct {
	clk  clock.Clock
	call func(Event)

	mu        sync.Mutex
	remaining time.Duration // what is left of subscriberTime
	queue     []Event
	idle      chan struct{} // closed when the queue is empty and no call is under way; nil before the first event
	calling   bool
	lost      int64
	failed    error // the subscriber panicked, and is not called any more
}

func newSubscriber(clk clock.Clock, call func(Event)) *subscriber {
	return &subscriber{clk: clk, call: call, remaining: subscriberTimeout}
}

// deliver passes an event on. It blocks for what is left of the patience at most.
func (s *subscriber) deliver(e Event) {
	s.mu.Lock()
	if s.failed != nil || len(s.queue) == maxEvents {
		s.lost++
		s.mu.Unlock()
		return
	}
	s.queue = append(s.queue, e)
	if !s.calling {
		s.calling, s.idle = true, make(chan struct{})
		go s.work()
	}
	patience := s.remaining
	s.mu.Unlock()
	if patience <= 0 {
		return
	}
	began := s.clk.Now()
	s.wait(patience, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remaining -= s.clk.Now().Sub(began)
}

// wait waits until every event was delivered, for d at most and not beyond hurry.
func (s *subscriber) wait(d time.Duration, hurry <-chan struct{}) {
	s.mu.Lock()
	idle := s.idle
	s.mu.Unlock()
	if idle == nil {
		return
	}
	late := make(chan struct{})
	defer s.clk.AfterFunc(d, func() { close(late) })()
	select {
	case <-idle:
	case <-late:
	case <-hurry:
	}
}

// work calls the subscriber until the queue is empty.
func (s *subscriber) work() {
	for {
		s.mu.Lock()
		if len(s.queue) == 0 || s.failed != nil {
			s.lost += int64(len(s.queue))
			s.queue, s.calling = nil, false
			close(s.idle)
			s.mu.Unlock()
			return
		}
		e := s.queue[0]
		s.queue = s.queue[1:]
		s.mu.Unlock()
		s.guarded(e)
	}
}

func (s *subscriber) guarded(e Event) {
	defer func() {
		if v := recover(); v != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.failed = classify.New(classify.Internal, "the subscriber of the events panicked: %v", v)
		}
	}()
	s.call(e)
}

// close waits for the subscriber for a last moment, and returns how many events it did not get, and how it failed.
func (s *subscriber) close(hurry <-chan struct{}) (lost int64, failed error) {
	s.wait(subscriberTimeout, hurry)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost + int64(len(s.queue)), s.failed
}
