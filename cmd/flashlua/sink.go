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
	sinkSize  = 4 << 20                // bytes that wait for a reader
	drainTime = 2 * time.Second        // that all readers together have for the rest in the end
	briefTime = 250 * time.Millisecond // that each of them has in any case
)

// sink writes to w in the background, so that a reader that stops reading (a terminal with Ctrl-S, a pager, a FIFO, a stalled
// file system) never blocks the goroutine that writes. What does not fit is dropped and counted, and a mark stands in its
// place. After an error of w nothing more is written.
type sink struct {
	name string // of the output, in a report
	size int    // bytes that wait for the reader
	w    io.Writer
	mark func(lost engine.Loss) []byte // what stands in the place of what was dropped; nil is nothing

	failed chan struct{} // closed at the first error of w

	mu      sync.Mutex
	queue   [][]byte
	queued  int  // bytes in the queue
	full    bool // nothing is taken until half of the queue is written
	ended   bool // nothing is taken any more
	writing bool
	idle    chan struct{} // closed when nothing is left to write; nil before the first write
	gap     engine.Loss   // dropped since the last mark
	lost    engine.Loss   // dropped in all
	err     error
}

func newSink(name string, w io.Writer, mark func(engine.Loss) []byte) *sink {
	return &sink{name: name, size: sinkSize, w: w, mark: mark, failed: make(chan struct{})}
}

// Write takes a copy of p, and never blocks. Its error is that of an earlier piece.
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

// writeQueue writes until the queue is empty.
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

// pending returns a channel that is closed when all is written, nil if nothing is left.
func (s *sink) pending() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.writing {
		return nil
	}
	return s.idle
}

// end drops what is left.
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

// state returns what was dropped so far, and the error that ended the output.
func (s *sink) state() (engine.Loss, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost, s.err
}

// describeLoss describes what was dropped.
func describeLoss(lost engine.Loss) string {
	return fmt.Sprintf("%d lines (%d bytes) are missing: they were not taken in time", lost.Lines, lost.Bytes)
}

// lossError is the error of an output that was not taken whole, nil if it was.
func (s *sink) lossError() error {
	lost, err := s.state()
	if err == nil && lost.Bytes > 0 {
		err = classify.New(classify.Config, "%s", describeLoss(lost))
	}
	return err
}

// flush waits until s has written everything, for briefTime at most: what comes next goes elsewhere.
func (s *sink) flush(clk clock.Clock) {
	late := make(chan struct{})
	defer clk.AfterFunc(briefTime, func() { close(late) })()
	if done := s.pending(); done != nil {
		select {
		case <-done:
		case <-late:
		}
	}
}

// drainBudget is the time that the sinks of a command have in the end, all together.
type drainBudget struct {
	clk   clock.Clock
	hurry <-chan struct{} // closed: there is only briefTime
	began time.Time       // zero before the first wait
}

// wait waits until sinks have written everything, as long as there is time.
func (d *drainBudget) wait(sinks ...*sink) {
	if d.began.IsZero() {
		d.began = d.clk.Now()
	}
	late, brief := make(chan struct{}), make(chan struct{})
	defer d.clk.AfterFunc(max(drainTime-d.clk.Now().Sub(d.began), briefTime), func() { close(late) })()
	defer d.clk.AfterFunc(briefTime, func() { close(brief) })()
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
