package main

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/results"
	"github.com/flashlua/flashlua/engine/visible"
)

func (env Env) resultsCommand() *cli.Command {
	return &cli.Command{
		Name: "results", Usage: "summarise the results of earlier runs by station and board, flaky ones first", ArgsUsage: " ",
		Description: "Reads the folder to which runs with --results or FLASHLUA_RESULTS append a line each.\n\n" +
			"  flashlua results --results /var/lib/flashlua/results --since 30d\n" +
			"  flashlua results --html >results.html",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "results", Usage: "read the results in `DIR`", DefaultText: "$" + resultsVariable},
			&cli.StringFlag{Name: "since", Value: "7d", Usage: "summarise the runs of the last `D`, as in 12h, 7d or 4w"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
			&cli.BoolFlag{Name: "html", Usage: "print a page that needs no other file"},
			&cli.StringFlag{Name: "metrics", Usage: "replace `FILE` by metrics for the textfile collector of node_exporter, and print nothing"},
		},
		OnUsageError: onUsageError,
		Action:       func(c *cli.Context) error { return env.showResults(c, clock.Real{}) },
	}
}

func (env Env) showResults(c *cli.Context, clk clock.Clock) error {
	dir := env.resultsDir(c)
	switch forms := countSet(c, "json", "html", "metrics"); {
	case c.NArg() > 0:
		return usageErrorFor("results", "unexpected argument %q", c.Args().First())
	case forms > 1:
		return usageErrorFor("results", "--json, --html and --metrics exclude each other")
	case dir == "":
		return classify.WithHint(classify.New(classify.Usage, "no folder of results is named"),
			"name it with --results DIR, or set %s for this command and for the runs", resultsVariable)
	}
	window, err := parseAge(c.String("since"))
	if err != nil {
		return err
	}
	now := clk.Now()
	all, remarks, err := results.Folder(dir).Read(now.Add(-window))
	if err != nil {
		return classify.WithHint(classify.Wrap(err, classify.Usage, "the results in %s cannot be read", dir),
			"the folder exists after the first run with --results %s, or with %s", dir, resultsVariable)
	}
	s := results.Summarise(all, now.Add(-window), now)
	s.Warnings = remarks
	for _, remark := range remarks {
		fmt.Fprintln(env.Stderr, visible.Text(remark))
	}
	switch {
	case c.IsSet("metrics"):
		return writeMetrics(c.String("metrics"), s)
	case c.Bool("json"):
		return printJSON(env.Stdout, s)
	case c.Bool("html"):
		return stdoutError(s.WriteHTML(env.Stdout))
	}
	return printResults(env.Stdout, s)
}

// countSet returns how many of the flags are set.
func countSet(c *cli.Context, names ...string) (n int) {
	for _, name := range names {
		if c.IsSet(name) && (name == "metrics" || c.Bool(name)) {
			n++
		}
	}
	return n
}

// age matches a number of days or weeks.
var age = regexp.MustCompile(`^(\d{1,5})([dw])$`)

// parseAge reads a duration, with days and weeks as units, too.
func parseAge(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if m := age.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		d, err = time.Duration(n)*24*time.Hour, nil
		if m[2] == "w" {
			d *= 7
		}
	}
	if err != nil || d <= 0 {
		return 0, usageErrorFor("results", "--since must be a duration with its unit, 12h, 7d or 4w, not %q", text)
	}
	return d, nil
}

// writeMetrics replaces a file by the metrics. The file is whole at any time.
func writeMetrics(path string, s *results.Summary) error {
	var text bytes.Buffer
	err := s.WriteMetrics(&text)
	if err == nil {
		var v *verdict
		if v, err = openVerdict(path, nil); err == nil {
			err = v.put(text.Bytes())
		}
	}
	return classify.WithHint(classify.Wrap(err, classify.Usage, "--metrics %s cannot be written", path),
		"name a file in the folder that node_exporter has for --collector.textfile.directory, FILE.prom")
}

// printResults prints a summary as a table.
func printResults(out io.Writer, s *results.Summary) error {
	if len(s.Groups) == 0 {
		_, err := fmt.Fprintf(out, "no runs since %s\n", s.Since.Format("2006-01-02 15:04"))
		return stdoutError(err)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STATION\tBOARD\tSTATE\tRUNS\tVERIFIED\tRETRIED\tMEDIAN\tFAILURES\tSLOWEST STEPS")
	for _, g := range s.Groups {
		share, median := "-", "-"
		if g.State != results.Idle {
			share = fmt.Sprintf("%.0f %%", g.Share*100)
		}
		if g.Verified > 0 {
			median = inSeconds(g.Median)
		}
		var kinds, steps []string
		for _, k := range g.Kinds {
			kinds = append(kinds, fmt.Sprintf("%s %d", k.Kind, k.Runs))
		}
		for _, step := range g.Steps[:min(len(g.Steps), 3)] {
			steps = append(steps, step.Step+" "+inSeconds(step.Median))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%d\t%s\t%s\t%s\n", visible.Line(g.Station), visible.Line(g.Board), g.State, g.Runs, share, g.Retried, median,
			visible.Line(orDash(kinds)), visible.Line(orDash(steps)))
	}
	return stdoutError(w.Flush())
}

func inSeconds(ns int64) string { return fmt.Sprintf("%.1fs", time.Duration(ns).Seconds()) }

func orDash(all []string) string {
	if len(all) == 0 {
		return "-"
	}
	return strings.Join(all, ", ")
}
