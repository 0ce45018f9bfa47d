package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/visible"
)

// printFailure renders the error of a report: what failed, why, what to do, and the rule that classified it. No
// other code renders errors.
func printFailure(w io.Writer, p colors, r *engine.Report) {
	if r.Attempt > 0 {
		fmt.Fprintln(w)
	}
	printChain(w, p, r)
	if r.Hint != "" {
		block(w, "Hint", r.Hint)
	}
	for i, s := range r.Secondary {
		label := "Also"
		if len(r.Secondary) > 1 {
			label = fmt.Sprintf("Also %d", i+1)
		}
		block(w, label, s)
	}
	if len(r.Console) > 0 {
		block(w, "Console", strings.Join(r.Console, "\n"))
	}
	if r.Rule == "internal" {
		block(w, "Detail", r.Detail)
	}
	fmt.Fprintln(w, p.red(summary(r)))
}

// printChain prints the error and its causes.
func printChain(w io.Writer, p colors, r *engine.Report) {
	chain := r.Chain
	if len(chain) == 0 {
		chain = []string{r.Error}
	}
	for i, text := range chain {
		label := "Caused by"
		if i == 0 {
			label = p.red("Error")
		}
		block(w, label, text)
	}
}

// block prints a label and a text. It indents the second and further lines of the text.
func block(w io.Writer, label, text string) {
	fmt.Fprintf(w, "%s: %s\n", label, strings.ReplaceAll(strings.TrimSpace(visible.Text(text)), "\n", "\n  | "))
}

// byRule returns a class and the rule that decided it. Rules that are called like their class are left out.
func byRule(class, rule string) string {
	if class == rule {
		return class
	}
	return class + " by rule " + rule
}

// summary returns the verdict in one line.
func summary(r *engine.Report) string {
	if r.Attempt == 0 {
		what := r.Kind
		if what == "" {
			what = byRule(r.Class, r.Rule)
		}
		if r.Retry {
			what += "; a later try may work"
		}
		return fmt.Sprintf("nothing was touched: %s (exit %d)", visible.Line(what), r.Exit)
	}
	verdict := byRule(r.Class, r.Rule)
	if r.Exit == engine.ExitExhausted {
		verdict = "no attempt left"
		if r.Rule != string(classify.RuleRetry) {
			verdict += ", rule " + visible.Line(r.Rule)
		}
	}
	s := fmt.Sprintf("%s: %s", r.Result, verdict)
	if r.Kind != "" {
		s += ", " + visible.Line(r.Kind)
	}
	if r.Step != "" {
		s += ", step " + visible.Line(r.Step)
	}
	s += fmt.Sprintf(", attempt %d, target %s", r.Attempt, r.Target.State)
	if r.Mode == engine.ModeVerify {
		s += "; flashlua wrote nothing"
	}
	if r.Simulated {
		s += "; the board was simulated"
	}
	if r.StopReason != "" {
		s += "; " + r.StopReason
	}
	return s + fmt.Sprintf(" (exit %d)", r.Exit)
}
