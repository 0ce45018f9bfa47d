package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/flashlua/flashlua/engine"
)

// printer tells people what happens, a line at a time.
type printer struct {
	mu   sync.Mutex
	w    io.Writer
	told int64 // per cent of the write that was told last
}

func newPrinter(w io.Writer) *printer { return &printer{w: w} }

func (p *printer) printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, format, args...)
}

// note prints what a script says.
func (p *printer) note(text string) { p.printf("  %s\n", text) }

// every is how much of a write passes between two lines, in per cent.
const every = 10

// event subscribes to the engine.
func (p *printer) event(e engine.Event) {
	switch e.Type {
	case engine.EventPlan:
		p.printf("plan: %s\n", strings.ReplaceAll(e.Text, "\n", "\n      "))
	case engine.EventAttempt:
		p.told = 0
		p.printf("attempt %d\n", e.Attempt)
	case engine.EventStepEnd:
		state := "ok"
		if e.Error != "" {
			state = "failed: " + e.Error
		}
		p.printf("  %-10s %7s  %s\n", e.Step, seconds(e.Took), state)
	case engine.EventAttemptEnd:
		if e.Error != "" {
			p.printf("  %s by rule %s: %s\n", e.Class, e.Rule, e.Error)
		}
	case engine.EventProgress:
		if done := e.Done * 100 / max(e.Total, 1); done >= p.told+every {
			p.told = done - done%every
			p.printf("  %-10s %3d %%  %s of %s\n", e.Step, p.told, mebibytes(e.Done), mebibytes(e.Total))
		}
	case engine.EventRetry:
		what := "next attempt"
		if e.Step != "" {
			what = e.Step + " again"
		}
		p.printf("  %s in %s\n", what, e.Wait)
	case engine.EventNote:
		p.note(e.Text)
	case engine.EventPower:
		p.printf("power %s%s\n", e.Text, failure(e.Error))
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

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// printFailure is the one place that renders an error: what failed, why, what to do, and what it was judged by.
func printFailure(w io.Writer, r *engine.Report) {
	if r.Attempt > 0 {
		fmt.Fprintln(w)
	}
	chain := r.Chain
	if len(chain) == 0 {
		chain = []string{r.Error}
	}
	for i, text := range chain {
		label := "Caused by"
		if i == 0 {
			label = "Error"
		}
		block(w, label, text)
	}
	if r.Hint != "" {
		block(w, "Hint", r.Hint)
	}
	for _, s := range r.Secondary {
		block(w, "Beside it", s)
	}
	if len(r.Console) > 0 {
		block(w, "Console", strings.Join(r.Console, "\n"))
	}
	if r.Rule == "internal" {
		block(w, "Detail", r.Detail)
	}
	fmt.Fprintln(w, summary(r))
}

// block prints a label and a text, whose further lines are indented.
func block(w io.Writer, label, text string) {
	fmt.Fprintf(w, "%s: %s\n", label, strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  | "))
}

// summary is the verdict in one line.
func summary(r *engine.Report) string {
	if r.Attempt == 0 {
		return fmt.Sprintf("nothing was touched: %s (exit %d)", r.Kind, r.Exit)
	}
	s := fmt.Sprintf("%s: %s by rule %s", r.Result, r.Class, r.Rule)
	if r.Kind != "" {
		s += ", " + r.Kind
	}
	if r.Step != "" {
		s += ", step " + r.Step
	}
	s += fmt.Sprintf(", attempt %d, target %s", r.Attempt, r.Target.State)
	if r.Stopped != "" {
		s += "; " + r.Stopped
	}
	return s + fmt.Sprintf(" (exit %d)", r.Exit)
}
