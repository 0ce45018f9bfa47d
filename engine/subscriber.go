package engine

import (
	"sync"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

const (
	// subscriberTimeout bounds the time for which all calls of a subscriber together block a run.
	subscriberTimeout = 2 * time.Second
	// maxEvents bounds the events that are queued for a slow subscriber.
	maxEvents = 4096
)

// subscriber calls Engine.Events. A run waits until a call returns, so that a subscriber can act on an event
// before the run goes on. After subscriberTimeout in all, the run does not wait any more: events are queued, and
// dropped when the queue is full.
type subscriber struct {
	clk  clock.Clock
	call func(Event)

	mu        sync.Mutex    // guards what follows
	remaining time.Duration // of subscriberTimeout
	queue     []Event
	idle      chan struct{} // closed when the queue is empty and no call is running; nil before the first event
	calling   bool
	lost      int64 // events
	failed    error // the subscriber panicked, and is not called any more
}

func newSubscriber(clk clock.Clock, call func(Event)) *subscriber {
	return &subscriber{clk: clk, call: call, remaining: subscriberTimeout}
}

// deliver queues an event, and waits until it was delivered, at most for the remaining time.
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
	remaining := s.remaining
	s.mu.Unlock()
	if remaining <= 0 {
		return
	}
	began := s.clk.Now()
	s.wait(remaining, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remaining -= s.clk.Now().Sub(began)
}

// wait waits until all events were delivered, d has passed or hurry is closed.
func (s *subscriber) wait(d time.Duration, hurry <-chan struct{}) {
	s.mu.Lock()
	idle := s.idle
	s.mu.Unlock()
	if idle == nil {
		return
	}
	timedOut, stop := clock.After(s.clk, d)
	defer stop()
	select {
	case <-idle:
	case <-timedOut:
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
		s.callOne(e)
	}
}

func (s *subscriber) callOne(e Event) {
	defer func() {
		if v := recover(); v != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.failed = classify.New(classify.Internal, "the subscriber of the events panicked: %v", v)
		}
	}()
	s.call(e)
}

// close waits at most subscriberTimeout for the subscriber. It returns how many events the subscriber did not get,
// and its panic.
func (s *subscriber) close(hurry <-chan struct{}) (lost int64, failed error) {
	s.wait(subscriberTimeout, hurry)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost + int64(len(s.queue)), s.failed
}
