package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/flashlua/flashlua/engine"
)

// finish writes the verdict, prints the result and returns the exit code.
func (env Env) finish(inv *invocation, report *engine.Report, out artefacts) error {
	inv.wait(out.transcript, out.events)
	env.close(out.transcript, report)
	env.close(out.events, report)
	report.Lost = appendLost(report.Lost, inv.stderr)
	if err := out.results.append(inv.clk, report); err != nil {
		fmt.Fprintf(env.Stderr, "%s\n", escapeControl(err.Error()))
		report.Warnings = append(report.Warnings, err.Error())
	}
	if err := out.verdict.write(inv.clk, report); err != nil {
		lost := engine.RefusedReport(err)
		printChain(env.Stderr, env.colors(env.Stderr), lost) // without a summary: the run has its own
		switch {                                             // a missing verdict is no success
		case report.Result == engine.ResultPlanned:
			report.Exit = lost.Exit
		case report.Exit == engine.ExitVerified:
			report.Exit = engine.ExitFatal
		}
	}
	if report.Err != nil {
		env.printFailure(report)
	}
	inv.wait(inv.stderr) // on a terminal, messages precede the result line
	env.printSuccess(report)
	if report.Exit != 0 {
		return exitCode(report.Exit)
	}
	return nil
}

// printSuccess prints the result line of a successful run. It prints nothing after a failure.
func (env Env) printSuccess(r *engine.Report) {
	switch r.Result {
	case engine.ResultDone:
		rest := ""
		if r.Simulated {
			rest = "; the board was simulated"
		}
		fmt.Fprintf(env.Stdout, "%s %s in %s%s\n", env.colors(env.Stdout).green("done:"), inline(r.Board), r.Duration.Round(100*time.Millisecond), rest)
	case engine.ResultPlanned:
		fmt.Fprintf(env.Stdout, "planned: %s of %s; nothing was touched\n", describeTargets(r), inline(r.Board))
	case engine.ResultVerified:
		rest := ""
		if r.Mode == engine.ModeVerify {
			rest = "; flashlua wrote nothing"
		}
		if r.Check != nil && r.Mode == engine.ModeFlash {
			rest += "; check " + string(r.Check.Result)
		}
		if r.Simulated {
			rest += "; the board was simulated"
		}
		if r.Mode == engine.ModeWrite {
			fmt.Fprintf(env.Stdout, "%s %s on %s in %s\n", env.colors(env.Stdout).green("verified:"), inline(r.Image.Path), inline(r.Target.Device), r.Duration.Round(100*time.Millisecond))
			return
		}
		fmt.Fprintf(env.Stdout, "%s %s of %s in %s, attempt %d%s\n", env.colors(env.Stdout).green("verified:"), describeTargets(r), inline(r.Board), r.Duration.Round(100*time.Millisecond), r.Attempt, rest)
	}
}

// describeTargets names the images and their media.
func describeTargets(r *engine.Report) string {
	on := func(image, name, device string) string {
		if device != "" {
			name += " (" + device + ")"
		}
		if name == "" {
			return inline(image) + " on a target that the policy chooses,"
		}
		return inline(image) + " on " + inline(name)
	}
	if len(r.Parts) == 0 {
		return on(r.Image.Path, r.Target.Name, r.Target.Device)
	}
	var all []string
	for _, p := range r.Parts {
		all = append(all, on(p.Image.Path, cmp.Or(p.Label, p.Target.Name), p.Target.Device))
	}
	return strings.Join(all, ", ")
}
