package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/lab"
)

// tableScreen interprets what a live table writes as a terminal does.
type tableScreen struct {
	t             *testing.T
	width, height int

	mu    sync.Mutex // guards lines
	lines []string   // the last one has the cursor
}

var cursorUp = regexp.MustCompile(`^\x1b\[(\d+)A`)

func (s *tableScreen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) == 0 {
		s.lines = []string{""}
	}
	last := func() *string { return &s.lines[len(s.lines)-1] }
	for out := string(p); out != ""; {
		switch up := cursorUp.FindStringSubmatch(out); {
		case strings.HasPrefix(out, clearLine):
			*last(), out = "", out[len(clearLine):]
		case strings.HasPrefix(out, "\r\x1b["):
			out = out[1:]
		case up != nil: // the table always erases what is below
			n, _ := strconv.Atoi(up[1])
			if n >= s.height || n >= len(s.lines) {
				s.t.Fatalf("the cursor moves up %d lines; the terminal has %d", n, s.height)
			}
			s.lines = s.lines[:len(s.lines)-n]
			out = strings.TrimPrefix(out[len(up[0]):], "\x1b[J")
			*last() = ""
		case out[0] == '\n':
			s.lines, out = append(s.lines, ""), out[1:]
		default:
			_, n := utf8.DecodeRuneInString(out)
			*last() += out[:n]
			out = out[n:]
		}
	}
	return len(p), nil
}

// shows returns the last n lines.
func (s *tableScreen) shows(n int) string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines[max(len(s.lines)-n, 0):], "\n")
}

// newTableScreen returns a printer of n stations on a screen. The stations are called bench-0, bench-1, …
func newTableScreen(t *testing.T, n, width, height int, level level, hurry chan struct{}) (*tableScreen, *manyPrinter) {
	s := &tableScreen{t: t, width: width, height: height}
	env := Env{
		Stderr: s, Terminal: func(io.Writer) int { return width }, Height: func(io.Writer) int { return height },
		Getenv: func(name string) string { return map[string]string{"NO_COLOR": "1"}[name] },
	}
	var names []string
	for i := range n {
		names = append(names, fmt.Sprint("bench-", i))
	}
	return s, env.newManyPrinter(clock.Real{}, level, names, hurry)
}

func verifiedResult(i int) lab.Result {
	return lab.Result{Index: i, Report: &engine.Report{Result: engine.ResultVerified, Attempt: 1, Duration: 34 * time.Second}}
}

func failedResult(i int) lab.Result {
	rep := engine.RefusedReport(classify.MarkFatal(errors.New("broken")))
	rep.Exit, rep.Attempt = engine.ExitFatal, 1
	return lab.Result{Index: i, Report: rep}
}

func TestLiveTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newTableScreen(t, 5, 80, 24, normal, nil)
		time.Sleep(apart)
		for i := range 3 {
			m.begin(i)
		}
		for i, step := range []string{"write", "linux"} {
			m.event(i, engine.Event{Time: m.clk.Now(), Type: engine.EventPlan, Text: "x.raw"})
			m.event(i, engine.Event{Time: m.clk.Now(), Type: engine.EventAttempt, Attempt: i + 1})
			m.event(i, engine.Event{Time: m.clk.Now(), Type: engine.EventStep, Step: step})
		}
		m.event(0, engine.Event{Time: m.clk.Now(), Type: engine.EventProgress, Step: "write", Total: 64 << 20})
		time.Sleep(2 * time.Second)
		m.event(0, engine.Event{Time: m.clk.Now(), Type: engine.EventProgress, Step: "write", Done: 32 << 20, Total: 64 << 20})
		const rows = "bench-0 #1  write  50% [=====>......] (32/64 MiB, 16 MiB/s)  2s left\nbench-1 #2  linux  2s\n"
		if got, want := s.shows(99), rows+"bench-2     preparing  2s\n2 queued, 3 running, 0 verified, 0 failed  2s"; got != want {
			t.Errorf("the screen shows\n%s\nwant\n%s", got, want)
		}

		m.result(verifiedResult(2))
		m.event(1, engine.Event{Time: m.clk.Now(), Type: engine.EventRetry, Wait: time.Second, Step: "linux"})
		time.Sleep(time.Second)
		want := "bench-2: verified in 34s, attempt 1\nbench-1:   linux again in 1s\n" +
			"bench-0 #1  write  50% [=====>......] (32/64 MiB, 16 MiB/s)  3s left\nbench-1 #2  linux again  1s\n" +
			"2 queued, 2 running, 1 verified, 0 failed  3s"
		if got := s.shows(99); got != want {
			t.Errorf("the screen shows\n%s\nwant\n%s", got, want)
		}

		m.result(failedResult(1))
		m.end()
		m.result(lab.Result{Index: 3, Report: engine.RefusedReport(classify.New(classify.Config, "late"))})
		want = "bench-2: verified in 34s, attempt 1\nbench-1:   linux again in 1s\n" +
			"bench-1: Error: broken\nbench-1: failed: fatal, attempt 1, target untouched (exit 3)\n" +
			"bench-3: Error: late\nbench-3: nothing was touched: config (exit 2)\n"
		if got := s.shows(99); got != want {
			t.Errorf("the screen shows\n%s\nwant\n%s", got, want)
		}
	})
}

// TestLiveTableFits holds that the table fits every terminal: no line is as wide as it, and there are fewer lines
// than it has.
func TestLiveTableFits(t *testing.T) {
	for _, size := range []struct{ width, height, rows int }{{80, 24, 21}, {80, 0, 21}, {40, 10, 7}, {12, 4, 1}, {80, 3, 0}, {80, 2, 0}, {80, 1, 0}, {1, 1, 0}} {
		synctest.Test(t, func(t *testing.T) {
			s, m := newTableScreen(t, 100, size.width, max(size.height, 1), normal, nil)
			if size.height == 0 {
				m.table.size = func() (int, int) { return size.width, 0 }
				s.height = defaultHeight
			}
			for i := range 60 {
				m.begin(i)
				m.event(i, engine.Event{Time: m.clk.Now(), Type: engine.EventAttempt, Attempt: 1})
				m.event(i, engine.Event{Time: m.clk.Now(), Type: engine.EventProgress, Step: "write", Done: 1 << 20, Total: 64 << 20})
			}
			time.Sleep(2 * time.Second)
			m.table.mu.Lock()
			lines := m.table.lines()
			m.table.mu.Unlock()
			if len(lines) >= max(s.height, 2) {
				t.Errorf("%d×%d: %d lines", size.width, size.height, len(lines))
			}
			for _, line := range lines {
				if utf8.RuneCountInString(line) >= size.width {
					t.Errorf("%d×%d: the line %q has %d columns", size.width, size.height, line, utf8.RuneCountInString(line))
				}
			}
			if rows := strings.Count(strings.Join(lines, "\n"), "bench-"); size.width >= 40 && rows != size.rows {
				t.Errorf("%d×%d: %d stations are shown; want %d", size.width, size.height, rows, size.rows)
			}
			if last := lines[len(lines)-1]; !strings.HasPrefix("40 queued, 60 running", last[:min(len(last), 21)]) {
				t.Errorf("%d×%d: the last line is %q; want the numbers of stations", size.width, size.height, last)
			}
			for i := range 100 {
				m.result(verifiedResult(i))
			}
			m.end()
			if got := s.shows(1); got != "" || strings.Count(s.shows(999), ": verified in 34s") != 100 {
				t.Errorf("%d×%d: the screen shows\n%s\nwant a line for each station, and no table", size.width, size.height, s.shows(999))
			}
		})
	}
}

// TestLiveTableLevels holds what --verbose and --quiet print on a terminal, and that a second signal ends the table.
func TestLiveTableLevels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		step := engine.Event{Time: time.Now(), Type: engine.EventStep, Step: "linux"}
		s, m := newTableScreen(t, 1, 80, 24, verbose, nil)
		m.begin(0)
		m.event(0, step)
		m.note(0, "a note")
		io.WriteString(m.console(0), "2026-01-01T00:00:00.000Z < login:\n")
		want := "bench-0:   linux      begins\nbench-0:   a note\nbench-0:   < login:\nbench-0     linux  0s\n0 queued, 1 running, 0 verified, 0 failed  0s"
		if got := s.shows(99); got != want {
			t.Errorf("--verbose shows\n%s\nwant\n%s", got, want)
		}
		m.end()

		s, m = newTableScreen(t, 2, 80, 24, quiet, nil)
		m.begin(0)
		m.event(0, step)
		m.note(0, "a note")
		m.result(verifiedResult(0))
		m.result(failedResult(1))
		time.Sleep(time.Hour)
		m.end()
		if got, want := s.shows(99), "bench-1: Error: broken\nbench-1: failed: fatal, attempt 1, target untouched (exit 3)\n"; got != want {
			t.Errorf("--quiet shows\n%s\nwant\n%s", got, want)
		}

		hurry := make(chan struct{})
		s, m = newTableScreen(t, 1, 80, 24, normal, hurry)
		m.begin(0)
		close(hurry)
		io.WriteString(s, clearLine+"SIGINT again\n")
		time.Sleep(10 * time.Second)
		m.result(verifiedResult(0))
		m.end()
		if got := s.shows(2); got != "bench-0: verified in 34s, attempt 1\n" {
			t.Errorf("after a second signal the screen ends with\n%s\nwant the result after its message", got)
		}
	})
}
