package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"

	"github.com/flashlua/flashlua/engine"
)

// heartbeatInterval is how long nothing is printed where nothing can be painted over, before a line says that all is well.
const heartbeatInterval = 30 * time.Second

// activity is something that takes its time.
type activity struct {
	name  string
	since time.Time
}

// untilTick is how long it is to the next tick.
func (p *printer) untilTick() time.Duration {
	if p.status != nil {
		return refreshInterval
	}
	return heartbeatInterval - p.clk.Now().Sub(p.lastPrint)
}

// tick shows that time passes.
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
		p.write(fmt.Sprintf("  %s: still waiting after %s (%s%s in all)\n", escapeControl(a.name), roundToSeconds(now.Sub(a.since)), p.attemptText(), roundToSeconds(now.Sub(p.started))), true)
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

// current is what is being waited for.
func (p *printer) current() activity {
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

// track keeps track of what the run does.
func (p *printer) track(e engine.Event) {
	switch e.Type {
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
	if p.status != nil && e.Type != engine.EventProgress && e.Type != engine.EventNote {
		p.status.endBar()
	}
}

// progressStep is how much of a write passes between two lines, in per cent.
const progressStep = 10

// progress moves the bar, or prints a line now and then.
func (p *printer) progress(e engine.Event) {
	if p.status != nil {
		p.status.progress(e)
		if e.Done >= e.Total || e.Time.Sub(p.status.drawn) >= redrawInterval {
			p.write("", true)
		}
		return
	}
	if e.Total <= 0 {
		return // nobody knows how much is to come
	}
	done := e.Done * 100 / e.Total
	if e.Step != p.step || done < p.reportedPercent {
		p.step, p.reportedPercent = e.Step, 0
	}
	if done == 100 && p.reportedPercent == 0 {
		return // it was over at once
	}
	if done >= p.reportedPercent+progressStep {
		p.reportedPercent = done - done%progressStep
		p.printf("  %-10s %3d %%  %s of %s\n", e.Step, p.reportedPercent, mebibytes(e.Done), mebibytes(e.Total))
	}
}

const (
	clearLine       = "\r\x1b[2K"            // the cursor's line
	redrawInterval  = 100 * time.Millisecond // the shortest time between two pictures of a bar
	refreshInterval = time.Second            // how often a line that only tells the time is drawn anew
)

// statusLine is the last line of a terminal, which is painted over: the bar of a transfer, or what goes on and for how long.
// The library makes the text of the bar; when and where it is drawn is decided here, so that no other line is torn.
type statusLine struct {
	width func() int
	bar   *progressbar.ProgressBar // of the transfer under way; nil if there is none
	last  engine.Event             // of that transfer
	drawn time.Time
	shown bool
}

// progress moves the bar, and begins a new one for a new transfer.
func (l *statusLine) progress(e engine.Event) {
	if l.bar == nil || l.last.Step != e.Step || l.last.Total != e.Total || e.Done < l.last.Done {
		l.bar = progressbar.NewOptions64(e.Total,
			progressbar.OptionSetWriter(io.Discard), progressbar.OptionSetWidth(24), progressbar.OptionSetTheme(progressbar.ThemeASCII),
			progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true), progressbar.OptionUseIECUnits(true), progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))
		l.bar.StartWithoutRender()
	}
	l.last = e
	l.bar.Set64(e.Done)
}

// endBar ends the bar.
func (l *statusLine) endBar() { l.bar = nil }

// text is the line now. A bar that is full makes room for the time: the board may have much to flush.
func (l *statusLine) text(now activity, at time.Time) string {
	text := "  " + now.name + "  " + at.Sub(now.since).Round(time.Second).String()
	switch {
	case l.bar != nil && l.last.Done < l.last.Total:
		l.bar.RenderBlank()
		text = "  " + l.last.Step + "  " + strings.Trim(l.bar.String(), "\r ") + l.timeLeft()
	case l.bar != nil && l.last.Total <= 0:
		text = "  " + l.last.Step + "  " + mebibytes(l.last.Done)
	}
	return truncate(escapeControl(text), l.width()-1)
}

// timeLeft is how long the transfer will take at the rate it had so far.
func (l *statusLine) timeLeft() string {
	s := l.bar.State()
	if s.CurrentNum < s.Max/1000 || s.CurrentNum == 0 { // too early to tell
		return ""
	}
	return "  " + time.Duration(s.SecondsLeft*float64(time.Second)).Round(time.Second).String() + " left"
}

// truncate shortens a line to what fits: one that wraps could not be wiped.
func truncate(text string, width int) string {
	if utf8.RuneCountInString(text) <= width || width < 0 {
		return text
	}
	return string([]rune(text)[:width])
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
