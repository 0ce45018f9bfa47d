package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/visible"
)

// printRuns prints a table of the flashes of a program that had several.
func printRuns(w io.Writer, runs []*engine.Report) {
	if len(runs) < 2 {
		return
	}
	var text strings.Builder
	t := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "run\tboard\tport\tresult\tattempt\ttime\terror")
	for _, r := range runs {
		fmt.Fprintf(t, "%3d\t%s\t%s\t%s\t%7d\t%s\t%s\n", r.Run, visible.Line(r.Board), visible.Line(portOf(r)), r.Result, r.Attempt, r.Duration.Round(100*time.Millisecond), visible.Line(r.Kind))
	}
	t.Flush()
	writeTrimmed(w, text.String())
}

// writeTrimmed writes lines without the blanks at their ends.
func writeTrimmed(w io.Writer, text string) error {
	var trimmed strings.Builder
	for line := range strings.Lines(text) {
		trimmed.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	_, err := io.WriteString(w, trimmed.String())
	return err
}

// portOf returns the console of a flash, or the medium of the station.
func portOf(r *engine.Report) string {
	if r.Port == "" {
		return r.Target.Name
	}
	return r.Port
}
