package main

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
)

const (
	sinkSize  = 4 << 20                // capacity of a queue in bytes
	drainTime = 2 * time.Second        // for all sinks together to write the rest at the end
	briefTime = 250 * time.Millisecond // for each sink in any case
)

// sink writes to w in the background, so that a reader that stops reading (a terminal with Ctrl-S, a pager, a
// FIFO, a stalled file system) never blocks the goroutine that writes. Data that does not fit into the queue is
// dropped and counted, and a mark is written in its place. After an error of w nothing more is written.
type sink struct {
	name string // of the output, in a report
	size int    // capacity of the queue in bytes
	w    io.Writer
	mark func(lost engine.Loss) []byte // returns what is written in the place of dropped data; may be nil

	failed chan struct{} // closed at the first error of w

	mu      sync.Mutex // guards the following fields
	queue   [][]byte
	queued  int  // bytes in the queue
	full    bool // drop data until half of the queue is written
	ended   bool // drop all further data
	writing bool
	idle    chan struct{} // closed when the queue is empty; nil before the first write
	gap     engine.Loss   // dropped since the last mark
	lost    engine.Loss   // dropped in all
	err     error
}

func newSink(name string, w io.Writer, mark func(engine.Loss) []byte) *sink {
	return &sink{name: name, size: sinkSize, w: w, mark: mark, failed: make(chan struct{})}
}

// Write queues a copy of p. It never blocks. Its error is that of an earlier write to w.
func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	if s.full = s.full && s.queued > s.size/2 || s.queued > 0 && s.queued+len(p) > s.size || s.ended; s.full {
		s.drop(p)
		return len(p), nil
	}
	s.markGap()
	s.add(bytes.Clone(p))
	return len(p), nil
}

// drop counts p as lost. The caller holds mu.
func (s *sink) drop(p []byte) {
	for _, l := range []*engine.Loss{&s.gap, &s.lost} {
		l.Output = s.name
		l.Lines += int64(bytes.Count(p, []byte("\n")))
		l.Bytes += int64(len(p))
	}
}

// markGap queues the mark of what was dropped. The caller holds mu.
func (s *sink) markGap() {
	if s.gap.Bytes > 0 && s.mark != nil {
		s.add(s.mark(s.gap))
	}
	s.gap = engine.Loss{}
}

// add queues p. The caller holds mu.
func (s *sink) add(p []byte) {
	s.queue = append(s.queue, p)
	s.queued += len(p)
	if !s.writing {
		s.writing, s.idle = true, make(chan struct{})
		go s.writeQueue()
	}
}

// writeQueue writes to w until the queue is empty or w fails.
func (s *sink) writeQueue() {
	for {
		s.mu.Lock()
		if len(s.queue) == 0 && s.err == nil && !s.ended {
			s.markGap()
		}
		if len(s.queue) == 0 || s.err != nil {
			s.queue, s.queued, s.writing = nil, 0, false
			close(s.idle)
			s.mu.Unlock()
			return
		}
		p := s.queue[0]
		s.queue = s.queue[1:]
		s.mu.Unlock()
		err := recoverPanic(func() error { _, err := s.w.Write(p); return err })
		s.mu.Lock()
		s.queued -= len(p)
		if err != nil {
			s.err = err
			close(s.failed)
		}
		s.mu.Unlock()
	}
}

// pending returns a channel that is closed when the queue is empty, nil if it is empty now.
func (s *sink) pending() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.writing {
		return nil
	}
	return s.idle
}

// end drops the queue and all further data.
func (s *sink) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for _, p := range s.queue {
		s.drop(p)
		s.queued -= len(p)
	}
	s.queue = nil
}

// state returns the loss so far, and the first error of w.
func (s *sink) state() (engine.Loss, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost, s.err
}

// describeLoss describes a loss for people.
func describeLoss(lost engine.Loss) string {
	return fmt.Sprintf("%d lines (%d bytes) were dropped: the reader was too slow", lost.Lines, lost.Bytes)
}

// lossError returns the error of w, or an error that describes the loss, nil if everything was written.
func (s *sink) lossError() error {
	lost, err := s.state()
	if err == nil && lost.Bytes > 0 {
		err = classify.New(classify.Config, "%s", describeLoss(lost))
	}
	return err
}

// flush waits until the queue is empty, for briefTime at most, before the caller writes to the same terminal by
// another way.
func (s *sink) flush(clk clock.Clock) {
	late, stop := clock.After(clk, briefTime)
	defer stop()
	if done := s.pending(); done != nil {
		select {
		case <-done:
		case <-late:
		}
	}
}

// drainBudget is the time that all sinks of a command together have to write their queues at the end.
type drainBudget struct {
	clk   clock.Clock
	hurry <-chan struct{} // when closed, each sink has only briefTime
	began time.Time       // zero before the first wait
}

// wait waits until the queues of the sinks are empty, within what is left of drainTime since the first call. Nil
// sinks are skipped.
func (d *drainBudget) wait(sinks ...*sink) {
	if d.began.IsZero() {
		d.began = d.clk.Now()
	}
	late, stop := clock.After(d.clk, max(drainTime-d.clk.Now().Sub(d.began), briefTime))
	defer stop()
	brief, stopBrief := clock.After(d.clk, briefTime)
	defer stopBrief()
	for _, s := range sinks {
		if s == nil {
			continue
		}
		done := s.pending()
		if done == nil {
			continue
		}
		select {
		case <-done:
			continue
		case <-late:
			return
		case <-brief:
		}
		select {
		case <-done:
		case <-late:
			return
		case <-d.hurry:
			return
		}
	}
}
