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
	mu        sync.Mutex
	w         io.Writer // must not block
	clk       clock.Clock
	level     level
	started   time.Time
	lastPrint time.Time // when the last line was
	stop      func() bool
	ended     bool

	attempt         int
	phase           activity    // what the run does outside of steps
	steps           []activity  // under way, the innermost last
	pause           *activity   // a wait before another try; nil if there is none
	step            string      // whose progress was told last
	reportedPercent int64       // per cent of it
	status          *statusLine // nil where lines stay
}

// newPrinter begins to tell, on a standard error that does not block. The caller ends it.
func (env Env) newPrinter(clk clock.Clock, level level) *printer {
	now := clk.Now()
	p := &printer{colors: env.colors(env.Stderr), w: env.Stderr, clk: clk, level: level, started: now, lastPrint: now, phase: activity{"preparing", now}}
	if env.canRedraw(env.Stderr) {
		p.status = &statusLine{width: func() int { return env.Terminal(env.Stderr) }}
	}
	if level > quiet {
		p.mu.Lock() // the first tick may come before it is kept
		defer p.mu.Unlock()
		p.stop = clk.AfterFunc(p.untilTick(), p.tick)
	}
	return p
}

// end wipes what is not to stay. What comes later is printed as it is.
func (p *printer) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	if p.ended = true; p.stop != nil {
		p.stop()
	}
	p.write("", false)
}

// write writes lines above the live one, in one piece.
func (p *printer) write(lines string, again bool) {
	if lines != "" {
		p.lastPrint = p.clk.Now()
	}
	if l := p.status; l != nil && p.level > quiet {
		if l.shown {
			lines = clearLine + lines
		}
		if l.shown = again && !p.ended; l.shown {
			l.drawn = p.clk.Now()
			lines += l.text(p.current(), l.drawn)
		}
	}
	if lines != "" {
		io.WriteString(p.w, lines)
	}
}

// printf prints lines. Its arguments are made plain before.
func (p *printer) printf(format string, args ...any) { p.write(fmt.Sprintf(format, args...), true) }

// note prints what a script says.
func (p *printer) note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.level > quiet {
		p.printText(text)
	}
}

func (p *printer) printText(text string) {
	p.printf("  %s\n", strings.ReplaceAll(escapeControl(text), "\n", "\n  "))
}

// Write prints a line of the transcript, without its time.
func (p *printer) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, text, _ := strings.Cut(string(line), " ")
	p.printf("  %s", text)
	return len(line), nil
}

// event subscribes to the engine.
func (p *printer) event(e engine.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.level == quiet {
		return
	}
	e.Text, e.Error, e.Step = escapeControl(e.Text), strings.ReplaceAll(escapeControl(e.Error), "\n", "\n  | "), inline(e.Step)
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
			p.write("", true)
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
		p.printText(e.Text)
	case engine.EventPower:
		p.printf("power %s%s\n", e.Text, p.red(failure(e.Error)))
	case engine.EventCleanup:
		p.printf("%s\n", e.Error)
	}
}

func failure(text string) string {
	if text == "" {
		return ""
	}
	return ": failed: " + text
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
