package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/lab"
	"github.com/flashlua/flashlua/engine/visible"
)

const (
	defaultHeight  = 24 // lines of a terminal that does not say
	maxNameColumns = 24 // of a station in the table
	tableBarWidth  = 12 // columns of a progress bar in the table
)

// liveTable is the last lines of a terminal, which are redrawn: the stations under way, and how many are in which
// state. Lines that are written to it appear above. Safe for concurrent use.
type liveTable struct {
	w     io.Writer // must not block
	clk   clock.Clock
	size  func() (width, height int) // of the terminal; a height of 0 is not known
	hurry <-chan struct{}            // when closed, the table is not drawn any more: another message has its place
	names []string
	began time.Time

	mu     sync.Mutex // guards what follows
	rows   map[int]*tableRow
	counts lab.Counts
	queued int
	shown  int // lines on the terminal
	drawn  time.Time
	ended  bool
	stop   func() bool // stops the next tick
}

// tableRow is a station under way.
type tableRow struct {
	lane
	status statusLine
}

func newLiveTable(w io.Writer, clk clock.Clock, names []string, size func() (width, height int), hurry <-chan struct{}) *liveTable {
	t := &liveTable{w: w, clk: clk, names: names, size: size, hurry: hurry, began: clk.Now(), rows: map[int]*tableRow{}, queued: len(names)}
	t.counts.Stations = len(names)
	t.mu.Lock() // the first tick may run before stop is set
	defer t.mu.Unlock()
	t.stop = clk.AfterFunc(refreshInterval, t.tick)
	return t
}

func (t *liveTable) tick() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	t.draw("")
	t.stop = t.clk.AfterFunc(refreshInterval, t.tick)
}

// end erases the table. What is written later appears without it.
func (t *liveTable) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	t.stop()
	t.ended = true
	t.draw("")
}

// Write writes lines above the table, in one piece.
func (t *liveTable) Write(lines []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.draw(string(lines))
	return len(lines), nil
}

// begin adds a station to those under way.
func (t *liveTable) begin(i int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	row := &tableRow{lane: lane{phase: activity{"preparing", t.clk.Now()}}}
	row.status.barWidth = tableBarWidth
	row.status.width = func() int { width, _ := t.size(); return width }
	t.rows[i] = row
	t.queued--
	t.drawSoon()
}

// result removes a station from those under way, and counts it.
func (t *liveTable) result(r lab.Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows[r.Index] == nil {
		t.queued--
	}
	delete(t.rows, r.Index)
	c := lab.Count([]lab.Result{r})
	t.counts.Verified += c.Verified
	t.counts.Resumed += c.Resumed
	t.counts.Failed += c.Failed
	t.counts.Skipped += c.Skipped
	t.drawSoon()
}

// event updates a station under way.
func (t *liveTable) event(i int, e engine.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	row := t.rows[i]
	if row == nil {
		return
	}
	e.Step = visible.Line(e.Step)
	switch e.Type {
	case engine.EventProgress:
		row.status.progress(e)
	case engine.EventNote:
	default:
		row.status.endBar()
	}
	row.track(e)
	t.drawSoon()
}

// drawSoon draws the table, unless it was drawn a moment ago: then the next event or tick does. The caller holds mu.
func (t *liveTable) drawSoon() {
	if t.clk.Now().Sub(t.drawn) >= redrawInterval {
		t.draw("")
	}
}

// draw erases the table, writes lines, and draws the table again unless it has ended. The caller holds mu.
func (t *liveTable) draw(lines string) {
	select {
	case <-t.hurry:
		t.shown, t.ended = 0, true
	default:
	}
	text := lines
	if t.shown > 0 {
		text = clearLines(t.shown) + text
	}
	t.shown = 0
	if !t.ended {
		table := t.lines()
		t.shown, t.drawn = len(table), t.clk.Now()
		text += strings.Join(table, "\n")
	}
	if text != "" {
		io.WriteString(t.w, text)
	}
}

// clearLines erases n lines, the last of which has the cursor, and moves the cursor to the begin of the first one.
func clearLines(n int) string {
	if n == 1 {
		return clearLine
	}
	return fmt.Sprintf("\r\x1b[%dA\x1b[J", n-1)
}

// lines returns the lines of the table: at most as many as the terminal has, less one. The caller holds mu.
func (t *liveTable) lines() (all []string) {
	width, height := t.size()
	if height <= 0 {
		height = defaultHeight
	}
	room := max(height-2, 0) // for stations, next to the summary and a line of what was printed before
	hidden := 0
	if len(t.rows) > room {
		room = max(room-1, 0) // for the line that says how many are hidden
		hidden = len(t.rows) - room
	}
	names := 0
	for i := range t.rows {
		names = max(names, len([]rune(t.names[i])))
	}
	names = min(names, maxNameColumns, max(width/3, 1))
	now := t.clk.Now()
	for i := range t.names {
		row := t.rows[i]
		if row == nil {
			continue
		}
		if len(all) == room {
			break
		}
		all = append(all, row.text(t.names[i], names, width, now))
	}
	if hidden > 0 && height > 2 {
		all = append(all, truncate(fmt.Sprintf("… and %d more", hidden), width-1))
	}
	return append(all, truncate(t.summary(now), width-1))
}

// text returns the line of a station: name, attempt, and the progress or the step.
func (r *tableRow) text(name string, columns, width int, now time.Time) string {
	attempt := "  "
	if r.attempt > 0 {
		attempt = fmt.Sprintf("#%d", r.attempt)
	}
	return truncate(fmt.Sprintf("%-*s %s%s", columns, truncate(name, columns), attempt, r.status.text(r.lane.current(), now)), width-1)
}

// summary returns how many stations are in which state, and how long the run takes.
func (t *liveTable) summary(now time.Time) string {
	c := t.counts
	text := fmt.Sprintf("%d queued, %d running, %d verified, %d failed", t.queued, len(t.rows), c.Verified, c.Failed)
	if c.Skipped > 0 {
		text += fmt.Sprintf(", %d not started", c.Skipped)
	}
	return text + "  " + roundToSeconds(now.Sub(t.began))
}
