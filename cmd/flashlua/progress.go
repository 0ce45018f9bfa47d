package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/visible"
)

// heartbeatInterval is the silence after which a "still waiting" line is printed where no status line can be
// drawn.
const heartbeatInterval = 30 * time.Second

// activity is what the run does now, and since when.
type activity struct {
	name  string
	since time.Time
}

// untilTick returns the time to the next tick.
func (p *printer) untilTick() time.Duration {
	if p.status != nil {
		return refreshInterval
	}
	return heartbeatInterval - p.clk.Now().Sub(p.lastPrint)
}

// tick redraws the status line, or prints a "still waiting" line after heartbeatInterval.
func (p *printer) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	if p.status != nil {
		p.write("", true)
	} else if now := p.clk.Now(); now.Sub(p.lastPrint) >= heartbeatInterval {
		a := p.current()
		p.write(fmt.Sprintf("  %s: still waiting after %s (%s%s in all)\n", visible.Text(a.name), roundToSeconds(now.Sub(a.since)), p.attemptText(), roundToSeconds(now.Sub(p.started))), true)
	}
	p.stop = p.clk.AfterFunc(p.untilTick(), p.tick)
}

func (p *printer) attemptText() string {
	if p.attempt == 0 {
		return ""
	}
	return fmt.Sprintf("attempt %d, ", p.attempt)
}

func roundToSeconds(d time.Duration) string { return d.Round(time.Second).String() }

// current returns the innermost activity, or those of all runs that take place at the same time. The caller holds mu.
func (p *printer) current() activity {
	if all := p.together(); all.name != "" {
		return all
	}
	return p.lane.current()
}

// current returns the innermost activity of the run.
func (p *lane) current() activity {
	switch n := len(p.steps); {
	case p.pause != nil:
		return *p.pause
	case n == 0:
		return p.phase
	default:
		var names []string
		for _, s := range p.steps {
			names = append(names, s.name)
		}
		return activity{strings.Join(names, " > "), p.steps[n-1].since}
	}
}

// track updates the activities from an event, and ends the progress bar of the step before. The caller holds mu.
func (p *printer) track(e engine.Event) {
	p.lane.track(e)
	if p.status != nil && e.Type != engine.EventProgress && e.Type != engine.EventNote {
		p.status.endBar()
	}
}

// track updates the activities from an event.
func (p *lane) track(e engine.Event) {
	switch e.Type {
	case engine.EventHold:
		p.phase = activity{"preparing", e.Time}
		if e.Place > 0 {
			p.phase.name = fmt.Sprintf("waiting in the queue, place %d", e.Place)
		}
	case engine.EventAttempt:
		p.attempt, p.steps, p.pause, p.phase = e.Attempt, nil, nil, activity{fmt.Sprintf("attempt %d", e.Attempt), e.Time}
		p.step = ""
	case engine.EventStep:
		p.steps, p.pause = append(p.steps, activity{e.Step, e.Time}), nil
	case engine.EventStepEnd:
		p.steps = p.steps[:max(len(p.steps)-1, 0)]
	case engine.EventAttemptEnd:
		p.steps, p.phase = nil, activity{"ending", e.Time}
	case engine.EventRetry:
		name := "next attempt"
		if e.Step != "" {
			name = e.Step + " again"
		}
		p.pause = &activity{name, e.Time}
	}
}

// progressStep is the progress between two printed lines, in per cent.
const progressStep = 10

// progress updates the progress bar, or prints a line every progressStep. The caller holds mu.
func (p *printer) progress(e engine.Event) {
	if p.status != nil && !e.Shared {
		p.status.progress(e)
		if e.Done >= e.Total || e.Time.Sub(p.status.drawn) >= redrawInterval {
			p.write("", true)
		}
		return
	}
	if e.Total <= 0 {
		return // the total is unknown
	}
	done := e.Done * 100 / e.Total
	if e.Step != p.step || done < p.reportedPercent {
		p.step, p.reportedPercent = e.Step, 0
	}
	if done == 100 && p.reportedPercent == 0 {
		return // the transfer ended with its first event
	}
	if done >= p.reportedPercent+progressStep {
		p.reportedPercent = done - done%progressStep
		p.printf("  %-10s %3d %%  %s of %s\n", e.Step, p.reportedPercent, mebibytes(e.Done), mebibytes(e.Total))
	}
}

const (
	clearLine       = "\r\x1b[2K"            // erases the line of the cursor
	redrawInterval  = 100 * time.Millisecond // minimum time between two drawings of a progress bar
	refreshInterval = time.Second            // time between two drawings of a status line without a bar
	defaultBarWidth = 24                     // columns of a progress bar
)

// statusLine is the last line of a terminal, which is redrawn: the progress bar of a transfer, or the current
// activity and its duration. The library only formats the bar. The printer draws it, so that it never mixes with
// another line.
type statusLine struct {
	width    func() int
	barWidth int                      // columns; 0 is defaultBarWidth
	bar      *progressbar.ProgressBar // of the current transfer; nil if there is none
	last     engine.Event             // of that transfer
	drawn    time.Time
	shown    bool
}

// progress sets the bar to the event. It creates a new bar for a new transfer.
func (l *statusLine) progress(e engine.Event) {
	if l.bar == nil || l.last.Step != e.Step || l.last.Total != e.Total || e.Done < l.last.Done {
		l.bar = progressbar.NewOptions64(e.Total,
			progressbar.OptionSetWriter(io.Discard), progressbar.OptionSetWidth(cmp.Or(l.barWidth, defaultBarWidth)), progressbar.OptionSetTheme(progressbar.ThemeASCII),
			progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true), progressbar.OptionUseIECUnits(true), progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))
		l.bar.StartWithoutRender()
	}
	l.last = e
	l.bar.Set64(e.Done)
}

// endBar removes the bar.
func (l *statusLine) endBar() { l.bar = nil }

// text returns the line at a time. A full bar is replaced by the activity and its duration: the board may still
// flush its cache.
func (l *statusLine) text(now activity, at time.Time) string {
	text := "  " + now.name + "  " + at.Sub(now.since).Round(time.Second).String()
	switch {
	case l.bar != nil && l.last.Done < l.last.Total:
		l.bar.RenderBlank()
		text = "  " + l.last.Step + "  " + strings.Trim(l.bar.String(), "\r ") + l.timeLeft()
	case l.bar != nil && l.last.Total <= 0:
		text = "  " + l.last.Step + "  " + mebibytes(l.last.Done)
	}
	return truncate(visible.Text(text), l.width()-1)
}

// timeLeft returns the remaining time of the transfer at its average rate, "" if it is too early to estimate.
func (l *statusLine) timeLeft() string {
	s := l.bar.State()
	if s.CurrentNum < s.Max/1000 || s.CurrentNum == 0 { // too early
		return ""
	}
	return "  " + time.Duration(s.SecondsLeft*float64(time.Second)).Round(time.Second).String() + " left"
}

// truncate shortens a line to width columns: a line that wraps could not be erased.
func truncate(text string, width int) string {
	if utf8.RuneCountInString(text) <= width || width < 0 {
		return text
	}
	return string([]rune(text)[:width])
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
