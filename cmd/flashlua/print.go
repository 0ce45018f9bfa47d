package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
)

// level is how much is told.
type level int

const (
	quiet   level = iota // nothing but how it ends
	normal               // what happens
	verbose              // what begins, and the console
)

// printer tells people what happens, a line at a time.
type printer struct {
	colors
	mu      sync.Mutex
	w       io.Writer // must not block
	clk     clock.Clock
	level   level
	began   time.Time
	printed time.Time // when the last line was
	stop    func() bool
	over    bool

	attempt         int
	phase           activity    // what the run does outside of steps
	steps           []activity  // under way, the innermost last
	pause           *activity   // a wait before another try; nil if there is none
	step            string      // whose progress was told last
	reportedPercent int64       // per cent of it
	live            *statusLine // nil where lines stay
}

// newPrinter begins to tell, on a standard error that does not block. The caller ends it.
func (env Env) newPrinter(clk clock.Clock, level level) *printer {
	now := clk.Now()
	p := &printer{colors: env.colors(env.Stderr), w: env.Stderr, clk: clk, level: level, began: now, printed: now, phase: activity{"preparing", now}}
	if env.canRedraw(env.Stderr) {
		p.live = &statusLine{width: func() int { return env.Terminal(env.Stderr) }}
	}
	if level > quiet {
		p.mu.Lock() // the first tick may come before it is kept
		defer p.mu.Unlock()
		p.stop = clk.AfterFunc(p.next(), p.tick)
	}
	return p
}

// end wipes what is not to stay. What comes later is printed as it is.
func (p *printer) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	if p.over = true; p.stop != nil {
		p.stop()
	}
	p.put("", false)
}

// put writes lines above the live one, in one piece.
func (p *printer) put(lines string, again bool) {
	if lines != "" {
		p.printed = p.clk.Now()
	}
	if l := p.live; l != nil && p.level > quiet {
		if l.shown {
			lines = wipe + lines
		}
		if l.shown = again && !p.over; l.shown {
			l.drawn = p.clk.Now()
			lines += l.text(p.now(), l.drawn)
		}
	}
	if lines != "" {
		io.WriteString(p.w, lines)
	}
}

// printf prints lines. Its arguments are made plain before.
func (p *printer) printf(format string, args ...any) { p.put(fmt.Sprintf(format, args...), true) }

// note prints what a script says.
func (p *printer) note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.level > quiet {
		p.say(text)
	}
}

func (p *printer) say(text string) { p.printf("  %s\n", strings.ReplaceAll(plain(text), "\n", "\n  ")) }

// Write prints a line of the transcript, without its time.
func (p *printer) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, text, _ := strings.Cut(string(line), " ")
	p.printf("  %s", text)
	return len(line), nil
}

// progressStep is how much of a write passes between two lines, in per cent.
const progressStep = 10

// event subscribes to the engine.
func (p *printer) event(e engine.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.level == quiet {
		return
	}
	e.Text, e.Error, e.Step = plain(e.Text), strings.ReplaceAll(plain(e.Error), "\n", "\n  | "), inline(e.Step)
	p.track(e)
	switch e.Type {
	case engine.EventPlan:
		p.printf("plan: %s\n", strings.ReplaceAll(e.Text, "\n", "\n      "))
	case engine.EventAttempt:
		p.printf("attempt %d\n", e.Attempt)
	case engine.EventStep:
		if p.level == verbose {
			p.printf("  %s%-10s begins\n", strings.Repeat("  ", len(p.steps)-1), e.Step)
		} else {
			p.put("", true)
		}
	case engine.EventStepEnd:
		state := "ok"
		if e.Error != "" {
			state = p.red("failed: " + e.Error)
		}
		p.printf("  %s%-10s %7s  %s\n", strings.Repeat("  ", len(p.steps)), e.Step, seconds(e.Took), state)
	case engine.EventAttemptEnd:
		if e.Error != "" {
			p.printf("  %s by rule %s: %s\n", e.Class, e.Rule, e.Error)
		}
	case engine.EventProgress:
		p.progress(e)
	case engine.EventRetry:
		what := "next attempt"
		if e.Step != "" {
			what = e.Step + " again"
		}
		rule := ""
		if e.Rule != "" {
			rule = ", by rule " + e.Rule
		}
		p.printf("  %s in %s%s\n", what, e.Wait, rule)
	case engine.EventNote:
		p.say(e.Text)
	case engine.EventPower:
		p.printf("power %s%s\n", e.Text, p.red(failure(e.Error)))
	case engine.EventCleanup:
		p.printf("%s\n", e.Error)
	}
}

// progress moves the bar, or prints a line now and then.
func (p *printer) progress(e engine.Event) {
	if p.live != nil {
		p.live.progress(e)
		if e.Done >= e.Total || e.Time.Sub(p.live.drawn) >= redraw {
			p.put("", true)
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

func failure(text string) string {
	if text == "" {
		return ""
	}
	return ": failed: " + text
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
