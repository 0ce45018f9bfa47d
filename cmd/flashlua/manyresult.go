package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/lab"
	"github.com/flashlua/flashlua/engine/report"
	"github.com/flashlua/flashlua/engine/visible"
)

// finishStation closes the outputs of a station and writes its verdict.
func (m *manyRun) finishStation(i int, rep *engine.Report, out artefacts) {
	own := *m.inv // its queues are waited for in a time of their own
	own.drainBudget = drainBudget{clk: m.inv.clk, hurry: m.inv.signalContext.hurry}
	env := m.env
	env.Stderr = m.printer.lines(i)
	env.saveOutputs(&own, rep, out)
}

// open opens the outputs of a station.
func (m *manyRun) open(i int) (artefacts, error) {
	out, err := m.out.open(i)
	if err == nil {
		out.results, err = m.env.openResults(m.cli, m.inv.clk)
		out.results.setStation(m.stations[i].Name)
	}
	return out, err
}

// save writes the verdict of a station that was not started.
func (m *manyRun) save(i int, rep *engine.Report) {
	out, err := m.open(i)
	defer out.close()
	if err != nil {
		fmt.Fprintf(m.printer.lines(i), "%s\n", visible.Text(err.Error()))
	}
	out.event(rep.EndEvent(m.inv.clk.Now()))
	m.finishStation(i, rep, out)
}

// ended prints the result of a station, and writes the verdict of one that was not started.
func (m *manyRun) ended(r lab.Result) {
	if r.Report.Result == engine.ResultSkipped {
		r.Report.Mode = m.flashes[r.Index].Job.Mode()
		m.save(r.Index, r.Report)
	}
	m.printer.result(r)
}

// finish writes the summary, prints the result and returns the exit code. refused is why no station was started.
func (m *manyRun) finish(s *lab.Summary, results []lab.Result, refused error) error {
	env := m.env
	before := s.Exit
	if err := m.out.reports.write(m.inv.clk, report.NewFleet(results, s)); err != nil {
		printChain(env.Stderr, env.colors(env.Stderr), engine.RefusedReport(err))
		if s.Exit == engine.ExitVerified {
			s.Exit = engine.ExitOutput
		}
	}
	if err := m.out.summary.write(m.inv.clk, s); err != nil {
		printChain(env.Stderr, env.colors(env.Stderr), engine.RefusedReport(err))
		if s.Exit == engine.ExitVerified {
			s.Exit = engine.ExitOutput // a missing summary is no success
		}
	}
	if s.Exit != before {
		m.out.reports.again(m.inv.clk, report.NewFleet(results, s))
	}
	switch {
	case refused != nil:
		env.printFailure(engine.RefusedReport(refused))
	case m.printer.level > quiet:
		printStations(env.Stderr, results)
	}
	m.inv.wait(m.inv.stderr) // on a terminal, messages precede the result line
	rest := fmt.Sprintf(" in %s%s", s.Duration.Round(100*time.Millisecond), describeSimulated(results))
	switch {
	case refused != nil:
	case s.Exit != engine.ExitVerified:
		fmt.Fprintln(env.Stderr, env.colors(env.Stderr).red(fmt.Sprintf("failed: %s%s (exit %d)", describeCounts(s.Counts), rest, s.Exit)))
	case s.Result == engine.ResultPlanned:
		fmt.Fprintf(env.Stdout, "planned: %d stations; nothing was touched\n", s.Counts.Stations)
	default:
		fmt.Fprintf(env.Stdout, "%s %s%s\n", env.colors(env.Stdout).green("verified:"), describeCounts(s.Counts), rest)
	}
	if s.Exit != engine.ExitVerified {
		return exitCode(s.Exit)
	}
	return nil
}

// describeCounts names the numbers of stations by their results, without those that are 0 except the verified ones.
func describeCounts(c lab.Counts) string {
	text := fmt.Sprintf("%d of %d stations", c.Verified, c.Stations)
	if c.Resumed > 0 {
		text += fmt.Sprintf(" (%d by an earlier run)", c.Resumed)
	}
	if c.Failed+c.Skipped > 0 {
		text += " verified"
	}
	if c.Failed > 0 {
		text += fmt.Sprintf(", %d failed", c.Failed)
	}
	if c.Skipped > 0 {
		text += fmt.Sprintf(", %d not started", c.Skipped)
	}
	return text
}

// describeSimulated says how many of the boards were simulated, "" if none was.
func describeSimulated(results []lab.Result) string {
	n := 0
	for _, r := range results {
		if r.Report.Simulated {
			n++
		}
	}
	switch n {
	case 0:
		return ""
	case len(results):
		return "; all boards were simulated"
	case 1:
		return "; 1 board was simulated"
	}
	return fmt.Sprintf("; %d boards were simulated", n)
}

// printStations prints a table of the results.
func printStations(w io.Writer, results []lab.Result) {
	var text strings.Builder
	t := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "station\tboard\tport\tresult\tattempt\ttime\terror")
	for _, r := range results {
		rep := r.Report
		result := string(rep.Result)
		if r.Resumed {
			result = "resumed"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%7d\t%s\t%s\n", visible.Line(r.Station.Name), visible.Line(rep.Board), visible.Line(rep.Port), result, rep.Attempt, rep.Duration.Round(100*time.Millisecond), visible.Line(rep.Kind))
	}
	t.Flush()
	for line := range strings.Lines(text.String()) {
		io.WriteString(w, strings.TrimRight(line, " \n")+"\n")
	}
}
