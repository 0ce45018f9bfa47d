package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/report"
	"github.com/flashlua/flashlua/engine/visible"
)

// apart returns env with the standard error as its standard output if one of the outputs is the standard output: the
// line that reports success must not be part of it.
func (env Env) apart(out artefacts) Env {
	if out.onStdout {
		env.Stdout = env.Stderr
	}
	return env
}

// saveOutputs closes the outputs of a run and writes the reports and the verdict.
func (env Env) saveOutputs(inv *invocation, rep *engine.Report, out artefacts) {
	inv.wait(out.transcript, out.events)
	env.close(out.transcript, rep)
	env.close(out.events, rep)
	rep.Lost = appendLost(rep.Lost, inv.stderr)
	rep.RunID = out.runID
	rep.EndAt(inv.clk.Now())
	if err := out.results.append(inv.clk, rep); err != nil {
		fmt.Fprintf(env.Stderr, "%s\n", visible.Text(err.Error()))
		rep.Warnings = append(rep.Warnings, err.Error())
	}
	before := rep.Exit
	if err := out.reports.write(inv.clk, report.New(rep)); err != nil {
		printChain(env.Stderr, env.colors(env.Stderr), engine.RefusedReport(err))
		addOutputError(rep, err)
	}
	if err := out.verdict.write(inv.clk, rep); err != nil {
		printChain(env.Stderr, env.colors(env.Stderr), engine.RefusedReport(err)) // without a summary: the run has its own
		addOutputError(rep, err)
	}
	if rep.Exit != before {
		out.reports.again(inv.clk, report.New(rep))
	}
}

// finish writes the verdict, prints the result and returns the exit code.
func (env Env) finish(inv *invocation, report *engine.Report, out artefacts) error {
	env.saveOutputs(inv, report, out)
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

// addOutputError adds the error of an output to the report. It is the error of a run that had none, because an
// incomplete output is no success, and a secondary one of a run that failed.
func addOutputError(r *engine.Report, err error) {
	if r.Exit != engine.ExitVerified {
		r.Secondary = append(r.Secondary, err.Error())
		return
	}
	lost := engine.RefusedReport(err)
	r.Exit, r.Class, r.Rule, r.Kind, r.Error, r.Chain, r.Hint = lost.Exit, lost.Class, lost.Rule, lost.Kind, lost.Error, lost.Chain, lost.Hint
}

// printSuccess prints the result line of a successful run. It prints nothing after a failure.
func (env Env) printSuccess(r *engine.Report) {
	switch r.Result {
	case engine.ResultDone:
		rest := ""
		if r.Simulated {
			rest = "; the board was simulated"
		}
		fmt.Fprintf(env.Stdout, "%s %s in %s%s\n", env.colors(env.Stdout).green("done:"), visible.Line(r.Board), r.Duration.Round(100*time.Millisecond), rest)
	case engine.ResultPlanned:
		fmt.Fprintf(env.Stdout, "planned: %s of %s; nothing was touched\n", describeTargets(r), visible.Line(r.Board))
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
			fmt.Fprintf(env.Stdout, "%s %s on %s in %s\n", env.colors(env.Stdout).green("verified:"), visible.Line(r.Image.Path), visible.Line(r.Target.Device), r.Duration.Round(100*time.Millisecond))
			return
		}
		fmt.Fprintf(env.Stdout, "%s %s of %s in %s, attempt %d%s\n", env.colors(env.Stdout).green("verified:"), describeTargets(r), visible.Line(r.Board), r.Duration.Round(100*time.Millisecond), r.Attempt, rest)
	}
}

// describeTargets names the images and their media.
func describeTargets(r *engine.Report) string {
	on := func(image, name string, t engine.TargetReport) string {
		if t.Device != "" {
			name += " (" + t.Device
			if t.Offset != 0 {
				name += fmt.Sprintf(" from byte %d on", t.Offset)
			}
			name += ")"
		}
		if name == "" {
			return visible.Line(image) + " on a target that the policy chooses,"
		}
		return visible.Line(image) + " on " + visible.Line(name)
	}
	if len(r.Parts) == 0 {
		return on(r.Image.Path, r.Target.Name, r.Target)
	}
	var all []string
	for _, p := range r.Parts {
		all = append(all, on(p.Image.Path, cmp.Or(p.Label, p.Target.Name), p.Target))
	}
	return strings.Join(all, ", ")
}
