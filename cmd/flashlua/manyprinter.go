package main

import (
	"io"
	"strings"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/lab"
	"github.com/flashlua/flashlua/engine/visible"
)

// manyPrinter prints what several stations do: as lines with the name of the station in front, and on a terminal as a
// table of those under way, above which stand only failures and results unless there is --verbose. Safe for concurrent
// use.
type manyPrinter struct {
	*printer
	table *liveTable // nil where lines cannot be redrawn, and with --quiet
}

// newManyPrinter returns a printer on the standard error. The table is drawn until hurry is closed. The caller calls
// end.
func (env Env) newManyPrinter(clk clock.Clock, level level, names []string, hurry <-chan struct{}) *manyPrinter {
	m := &manyPrinter{}
	if level == quiet || !env.canRedraw(env.Stderr) {
		m.printer = env.newPrinter(clk, level)
	} else {
		m.table = newLiveTable(env.Stderr, clk, names, env.screenSize, hurry)
		m.printer = &printer{colors: env.colors(env.Stderr), w: m.table, clk: clk, level: level, started: clk.Now(), lanes: map[int]*lane{}}
		m.printer.lane = m.laneOf(engine.Event{Time: clk.Now()})
	}
	m.stations = names
	return m
}

// screenSize returns the size of the terminal of the standard error, in columns and lines.
func (env Env) screenSize() (width, height int) {
	if env.Height != nil {
		height = env.Height(env.Stderr)
	}
	return env.Terminal(env.Stderr), height
}

// end erases the table. Later lines are printed without it.
func (m *manyPrinter) end() {
	m.printer.end()
	if m.table != nil {
		m.table.end()
	}
}

// event prints an event of the station with the index i.
func (m *manyPrinter) event(i int, e engine.Event) {
	e.Run, e.Shared = i+1, true
	if m.table != nil {
		m.table.event(i, e)
		if m.level < verbose && !tellsTrouble(e) {
			return
		}
	}
	m.printer.event(e)
}

// tellsTrouble reports whether an event is printed above the table: what failed, and what is tried again.
func tellsTrouble(e engine.Event) bool {
	return e.Error != "" && e.Type != engine.EventStepEnd && e.Type != engine.EventEnd || e.Type == engine.EventRetry
}

// note prints a text of the station with the index i, in the table only with --verbose.
func (m *manyPrinter) note(i int, text string) {
	m.event(i, engine.Event{Time: m.clk.Now(), Type: engine.EventNote, Text: text})
}

// console returns a writer of the console of the station with the index i, for a transcript.
func (m *manyPrinter) console(i int) io.Writer { return stationConsole{m, i} }

type stationConsole struct {
	m *manyPrinter
	i int
}

// Write prints a line of a transcript without its time.
func (c stationConsole) Write(line []byte) (int, error) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.m.printer.lane = c.m.laneOf(engine.Event{Run: c.i + 1})
	_, text, _ := strings.Cut(string(line), " ")
	c.m.printf("  %s", text)
	return len(line), nil
}

// lines returns a writer of lines of the station with the index i.
func (m *manyPrinter) lines(i int) io.Writer { return stationLines{m, i} }

type stationLines struct {
	m *manyPrinter
	i int
}

// Write prints whole lines.
func (l stationLines) Write(lines []byte) (int, error) {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	l.m.printer.lane = l.m.laneOf(engine.Event{Run: l.i + 1})
	l.m.printf("%s", lines)
	return len(lines), nil
}

// begin records that a station has begun.
func (m *manyPrinter) begin(i int) {
	if m.table != nil {
		m.table.begin(i)
	}
}

// result prints how a station ended. With --quiet, it prints only failures.
func (m *manyPrinter) result(r lab.Result) {
	if m.table != nil {
		m.table.result(r)
	}
	rep := r.Report
	m.mu.Lock()
	defer m.mu.Unlock()
	m.printer.lane = m.laneOf(engine.Event{Run: r.Index + 1, Time: m.clk.Now()})
	defer m.endLane(engine.Event{Type: engine.EventEnd, Run: r.Index + 1, Time: m.clk.Now()})
	switch took := rep.Duration.Round(100 * time.Millisecond); {
	case rep.Result == engine.ResultSkipped:
		if m.level > quiet {
			m.printf("%s\n", visible.Line(rep.Error))
		}
	case !r.Verified():
		var text strings.Builder
		printFailure(&text, m.colors, rep)
		m.printf("%s\n", strings.TrimSpace(text.String()))
	case m.level == quiet:
	case r.Resumed:
		m.printf("%s by an earlier run\n", m.green("verified"))
	case rep.Result == engine.ResultPlanned:
		m.printf("planned\n")
	default:
		m.printf("%s in %s, attempt %d\n", m.green("verified"), took, rep.Attempt)
	}
}
