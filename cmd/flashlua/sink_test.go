package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
)

// stuck is a writer that blocks until it is opened.
type stuck struct {
	open chan struct{}
	strings.Builder
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.open
	return s.Builder.Write(p)
}

func marked(lost engine.Loss) []byte { return fmt.Appendf(nil, "[%d, %d]\n", lost.Lines, lost.Bytes) }

// TestASinkNeverBlocks writes much more than fits while the writer blocks, and more afterwards.
func TestASinkNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stuck{open: make(chan struct{})}
		s := newSink("events", out, marked)
		line := []byte(strings.Repeat("x", 999) + "\n")
		const n = 3 * sinkSize / 1000
		for range n {
			if m, err := s.Write(line); m != len(line) || err != nil {
				t.Fatalf("Write = %d, %v; want %d", m, err, len(line))
			}
		}
		lost, _ := s.state()
		if lost.Output != "events" || lost.Bytes != 1000*lost.Lines || lost.Lines < n/2 || lost.Lines >= n {
			t.Errorf("lost %+v of %d lines", lost, n)
		}
		close(out.open)
		synctest.Wait()
		s.Write([]byte("last\n"))
		synctest.Wait()
		lines := strings.SplitAfter(out.String(), "\n")
		want := fmt.Sprintf("[%d, %d]\n", lost.Lines, lost.Bytes)
		if got := lines[len(lines)-3 : len(lines)-1]; got[0] != want || got[1] != "last\n" || int64(len(lines))-3 != n-lost.Lines {
			t.Errorf("wrote %d lines, then %q; want %d, %q and last", len(lines)-3, got, n-lost.Lines, want)
		}
		if after, err := s.state(); after != lost || err != nil {
			t.Errorf("lost %+v, %v; want %+v", after, err, lost)
		}
	})
}

// TestASinkTakesOneLargePiece holds that an empty sink takes a piece that is larger than its capacity.
func TestASinkTakesOneLargePiece(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		s := newSink("x", &out, nil)
		s.Write(make([]byte, 2*sinkSize))
		synctest.Wait()
		if lost, _ := s.state(); out.Len() != 2*sinkSize || lost.Bytes > 0 {
			t.Errorf("wrote %d bytes, lost %+v", out.Len(), lost)
		}
	})
}

// TestASinkKeepsItsError holds that a sink returns the error or panic of its writer from then on.
func TestASinkKeepsItsError(t *testing.T) {
	full := errors.New("disk full")
	for name, tt := range map[string]struct {
		fails func() error
		kind  classify.Kind
		text  string
	}{
		"error": {func() error { return full }, "", "disk full"},
		"panic": {func() error { panic("ouch") }, classify.Internal, "panic: ouch"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSink("x", dead{tt.fails}, marked)
			s.Write([]byte("a\n"))
			synctest.Wait()
			_, err := s.Write([]byte("b\n"))
			if err == nil || err.Error() != tt.text || classify.Facts(err).Kind != tt.kind || fmt.Sprint(s.lossError()) != tt.text {
				t.Errorf("%s: Write = %v, lossError = %v; want %s", name, err, s.lossError(), tt.text)
			}
			select {
			case <-s.failed:
			default:
				t.Errorf("%s: failed is not closed", name)
			}
		})
	}
}

// slowReader is a writer that takes a fixed time for each piece.
type slowReader struct {
	each time.Duration
	got  int
}

func (s *slowReader) Write(p []byte) (int, error) {
	time.Sleep(s.each)
	s.got++
	return len(p), nil
}

// TestDrains holds that the sinks together have two seconds at the end.
func TestDrains(t *testing.T) {
	for name, tt := range map[string]struct {
		each  []time.Duration // time for a piece, by sink; each sink has ten pieces
		hurry time.Duration   // from the start; 0 is never
		took  time.Duration
		lost  []int64
	}{
		"quick":              {[]time.Duration{0, 0}, 0, 0, []int64{0, 0}},
		"slow":               {[]time.Duration{150 * time.Millisecond, 0}, 0, 1500 * time.Millisecond, []int64{0, 0}},
		"too slow":           {[]time.Duration{300 * time.Millisecond}, 0, drainTime, []int64{3}},
		"one stalls":         {[]time.Duration{time.Hour, 10 * time.Millisecond}, 0, drainTime, []int64{9, 0}},
		"all stall":          {[]time.Duration{time.Hour, time.Hour, time.Hour}, 0, drainTime, []int64{9, 9, 9}},
		"in a hurry":         {[]time.Duration{time.Hour, time.Hour}, time.Nanosecond, briefTime, []int64{9, 9}},
		"hurry, and quick":   {[]time.Duration{20 * time.Millisecond}, time.Nanosecond, 200 * time.Millisecond, []int64{0}},
		"a hurry that comes": {[]time.Duration{time.Hour}, time.Second, time.Second, []int64{9}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hurry := make(chan struct{})
				d := drainBudget{clk: clock.Real{}, hurry: hurry}
				var sinks []*sink
				for _, each := range tt.each {
					s := newSink("x", &slowReader{each: each}, marked)
					for range 10 {
						s.Write([]byte("line\n"))
					}
					sinks = append(sinks, s)
				}
				if tt.hurry > 0 {
					time.AfterFunc(tt.hurry, func() { close(hurry) })
				}
				began := time.Now()
				d.wait(append(sinks, nil)...)
				if took := time.Since(began); took != tt.took {
					t.Errorf("waited %s; want %s", took, tt.took)
				}
				for i, s := range sinks {
					s.end()
					if lost, _ := s.state(); lost.Lines != tt.lost[i] {
						t.Errorf("sink %d lost %d lines; want %d", i, lost.Lines, tt.lost[i])
					}
				}
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// TestTheEndIsShort holds that later waits have the rest of the time, and at least briefTime.
func TestTheEndIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drainBudget{clk: clock.Real{}}
		stalled := newSink("x", &slowReader{each: time.Hour}, nil)
		stalled.Write([]byte("x"))
		began := time.Now()
		for i, want := range []time.Duration{drainTime, drainTime + briefTime, drainTime + 2*briefTime} {
			if d.wait(stalled); time.Since(began) != want {
				t.Errorf("wait %d ended after %s; want %s", i, time.Since(began), want)
			}
		}
		time.Sleep(time.Hour)
	})
}

// TestAStalledTerminalHoldsUpNoPrinter holds that the printer does not block, and prints again when the terminal
// is read.
func TestAStalledTerminalHoldsUpNoPrinter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stuck{open: make(chan struct{})}
		env := Env{Stdout: io.Discard, Stderr: out, Terminal: func(io.Writer) int { return 0 }, Getenv: func(string) string { return "" }, Signals: noSignals}
		began := time.Now()
		inv, end := env.begin(clock.Real{})
		p := env.newPrinter(inv.clk, verbose)
		for range 10 {
			p.note(strings.Repeat("chatter ", sinkSize/40))
		}
		if time.Since(began) > 0 {
			t.Errorf("the printer blocked for %s", time.Since(began))
		}
		close(out.open)
		p.end()
		end()
		if got := out.String(); !strings.HasSuffix(got, "were dropped: the reader was too slow]\n") || time.Since(began) > 0 {
			t.Errorf("ended after %s: …%.100q", time.Since(began), got[max(0, len(got)-100):])
		}
	})
}
