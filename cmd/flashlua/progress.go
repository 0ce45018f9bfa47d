package main

import (
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"

	"github.com/flashlua/flashlua/engine"
)

const (
	wipe    = "\r\x1b[2K"            // the cursor's line
	redraw  = 100 * time.Millisecond // the shortest time between two pictures of a bar
	refresh = time.Second            // how often a line that only tells the time is drawn anew
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

// over ends the bar.
func (l *statusLine) over() { l.bar = nil }

// text is the line now. A bar that is full makes room for the time: the board may have much to flush.
func (l *statusLine) text(now activity, at time.Time) string {
	text := "  " + now.name + "  " + at.Sub(now.since).Round(time.Second).String()
	switch {
	case l.bar != nil && l.last.Done < l.last.Total:
		l.bar.RenderBlank()
		text = "  " + l.last.Step + "  " + strings.Trim(l.bar.String(), "\r ") + l.left()
	case l.bar != nil && l.last.Total <= 0:
		text = "  " + l.last.Step + "  " + mebibytes(l.last.Done)
	}
	return cut(plain(text), l.width()-1)
}

// left is how long the transfer will take at the rate it had so far.
func (l *statusLine) left() string {
	s := l.bar.State()
	if s.CurrentNum < s.Max/1000 || s.CurrentNum == 0 { // too early to tell
		return ""
	}
	return "  " + time.Duration(s.SecondsLeft*float64(time.Second)).Round(time.Second).String() + " left"
}

// cut shortens a line to what fits: one that wraps could not be wiped.
func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width || width < 0 {
		return text
	}
	return string([]rune(text)[:width])
}
