package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/visible"
)

// level is how much is printed.
type level int

const (
	quiet   level = iota // only the result
	normal               // steps as they end, notes, progress
	verbose              // also steps as they begin, and the console
)

// printer prints the events of a run for people, as lines. Its methods may be called from any goroutine.
type printer struct {
	colors
	w       io.Writer // must not block
	clk     clock.Clock
	level   level
	started time.Time

	mu        sync.Mutex // guards the following fields, and the order of lines on w
	lastPrint time.Time
	stop      func() bool // stops the next tick
	ended     bool
	*lane                   // of the event that is printed, or of the last one
	lanes     map[int]*lane // of the runs that have not ended, by their numbers; 0 is the command's own
	status    *statusLine   // nil where lines cannot be redrawn
	stations  []string      // names of the stations of the runs 1, 2, …; nil for the runs of a program
}

// newPrinter returns a printer on the standard error, which must not block. The caller calls end.
func (env Env) newPrinter(clk clock.Clock, level level) *printer {
	now := clk.Now()
	p := &printer{colors: env.colors(env.Stderr), w: env.Stderr, clk: clk, level: level, started: now, lastPrint: now, lanes: map[int]*lane{}}
	p.lane = p.laneOf(engine.Event{Time: now})
	if env.canRedraw(env.Stderr) {
		p.status = &statusLine{width: func() int { return env.Terminal(env.Stderr) }}
	}
	if level > quiet {
		p.mu.Lock() // the first tick may run before stop is set
		defer p.mu.Unlock()
		p.stop = clk.AfterFunc(p.untilTick(), p.tick)
	}
	return p
}

// end erases the status line and stops the ticks. Later lines are printed without a status line.
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

// write prints lines above the status line, in one piece, and draws the status line again if again is true. The
// caller holds mu.
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

// printf prints lines, each with the name of its run if several take place at the same time. The caller holds mu and
// has escaped control characters in the arguments.
func (p *printer) printf(format string, args ...any) {
	lines := fmt.Sprintf(format, args...)
	if p.label != "" {
		lines = p.label + strings.ReplaceAll(strings.TrimSuffix(lines, "\n"), "\n", "\n"+p.label) + "\n"
	}
	p.write(lines, true)
}

// note prints a message of a script.
func (p *printer) note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.level > quiet {
		p.printText(text)
	}
}

func (p *printer) printText(text string) {
	p.printf("  %s\n", strings.ReplaceAll(visible.Text(text), "\n", "\n  "))
}

// Write implements io.Writer for a transcript: it prints a line without its time.
func (p *printer) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, text, _ := strings.Cut(string(line), " ")
	p.printf("  %s", text)
	return len(line), nil
}

// event prints an event of the engine.
func (p *printer) event(e engine.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.level == quiet {
		return
	}
	e.Text, e.Error, e.Step = visible.Text(e.Text), strings.ReplaceAll(visible.Text(e.Error), "\n", "\n  | "), visible.Line(e.Step)
	p.lane = p.laneOf(e)
	p.track(e)
	defer p.endLane(e)
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
			decision := byRule(e.Class, e.Rule)
			if e.Last {
				decision = "no attempt left"
			}
			p.printf("  %s: %s\n", decision, e.Error)
		}
	case engine.EventProgress:
		p.progress(e)
	case engine.EventRetry:
		what := "next attempt"
		if e.Step != "" {
			what = e.Step + " again"
		}
		rule := ""
		if e.Rule != "" && e.Rule != string(classify.RuleRetry) {
			rule = ", by rule " + e.Rule
		}
		p.printf("  %s in %s%s\n", what, e.Wait, rule)
	case engine.EventHold:
		p.printf("%s\n", e.Text)
	case engine.EventNote:
		p.printText(e.Text)
	case engine.EventPower:
		p.printf("power %s%s\n", e.Text, p.red(failure(e.Error)))
	case engine.EventOutput:
		p.printf("  output %s %s%s\n", visible.Line(e.Output), e.Text, p.red(failure(e.Error)))
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
