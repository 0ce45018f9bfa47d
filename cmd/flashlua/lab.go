package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/visible"
)

// labCommands are the commands of flashlua lab.
var labCommands = []string{"list", "show", "check"}

func (env Env) labCommand() *cli.Command {
	return &cli.Command{
		Name: "lab", Usage: "list, show or check the stations of the lab", ArgsUsage: "[list | show STATION | check]",
		Description: "The stations are in a lab file: --lab FILE, or else " + labPlacesText + ", the first one that exists.\n" +
			"docs/lab.md describes it. check prints findings as flashlua check does, and exits with 2 if there are any.\n\n" +
			"  flashlua lab\n" +
			"  flashlua lab list --tag arm64 --json\n" +
			"  flashlua lab show bench-7\n" +
			"  flashlua lab check",
		Flags: []cli.Flag{
			labFlag(),
			&cli.GenericFlag{Name: "tag", Value: &repeated{}, Usage: "with list: only stations with the tag `TAG`; may be repeated, then with all of them"},
			&cli.BoolFlag{Name: "json", DisableDefaultText: true, Usage: "print JSON"},
		},
		OnUsageError: onUsageError,
		BashComplete: func(c *cli.Context) {
			switch {
			case c.NArg() == 0:
				fmt.Fprintln(c.App.Writer, strings.Join(labCommands, "\n"))
			case c.NArg() == 1 && c.Args().First() == "show":
				env.completeStations(c)
			}
		},
		Action: env.lab,
	}
}

func (env Env) lab(c *cli.Context) error {
	command, tags := c.Args().First(), *c.Generic("tag").(*repeated)
	arguments := map[string]int{"": 0, "list": 1, "show": 2, "check": 1}
	want, known := arguments[command]
	switch {
	case !known:
		return usageErrorFor("lab", "flashlua lab has no command %q%s", command, bindings.DidYouMean(command, labCommands))
	case c.NArg() < want:
		return usageErrorFor("lab", "STATION is required: flashlua lab show STATION")
	case c.NArg() > want:
		return usageErrorFor("lab", "unexpected argument %q", c.Args().Get(want))
	case len(tags) > 0 && command != "" && command != "list":
		return usageErrorFor("lab", "--tag is for flashlua lab list")
	case command == "check":
		return env.checkLab(c)
	}
	l, err := env.openLab(c, func(text string) { fmt.Fprintln(env.Stderr, visible.Text(text)) })
	if err == nil && l == nil {
		err = noLab()
	}
	if err != nil {
		return err
	}
	ctx, cancel := clock.WithTimeout(context.Background(), clock.Real{}, maxResolve, context.DeadlineExceeded)
	defer cancel()
	if command == "show" {
		return env.showStation(ctx, l, c.Args().Get(1), c.Bool("json"))
	}
	return env.listStations(ctx, l, tags, c.Bool("json"))
}

func (env Env) checkLab(c *cli.Context) error {
	path, err := env.labPath(c)
	if err == nil && path == "" {
		err = noLab()
	}
	if err != nil {
		return err
	}
	found, err := bindings.CheckLab(path, bindings.Options{})
	if err != nil {
		return err
	}
	if l, err := bindings.LoadLab(path, bindings.Options{}); err == nil {
		found = slices.Concat(env.checkDefaults(l), found)
	}
	format := "text"
	if c.Bool("json") {
		format = "json"
	}
	return env.printFindings(append([]bindings.Finding{}, found...), format)
}

func (env Env) listStations(ctx context.Context, l *bindings.Lab, tags []string, asJSON bool) error {
	all, last := []stationLine{}, env.lastResults()
	for _, s := range l.Inventory.Select(tags...) {
		line := env.stationLine(ctx, l, s)
		line.Last = last[s.Name]
		all = append(all, line)
	}
	switch {
	case asJSON:
		return printJSON(env.Stdout, all)
	case len(all) == 0 && len(tags) > 0:
		return usageError("%s has no station with %s; its tags are %s", l.File, describeTags(tags), strings.Join(l.Inventory.Tags(), ", "))
	}
	if len(all) == 0 {
		fmt.Fprintf(env.Stderr, "%s has no stations\n", visible.Line(l.File))
	}
	if n := l.Faults(); n > 0 {
		fmt.Fprintf(env.Stderr, "%s has faults, %d or more: flashlua lab check lists them\n", visible.Line(l.File), n)
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	lastColumn := func(text string) string {
		if last == nil { // there is no folder of results
			return ""
		}
		return text + "\t"
	}
	fmt.Fprintln(w, "station\tboard\ttags\tstate\t"+lastColumn("last")+"note")
	for _, s := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s%s\n", visible.Line(s.Station), visible.Line(s.Board), visible.Line(strings.Join(s.Tags, ",")), visible.Line(s.state()), lastColumn(visible.Line(s.Last.String())), visible.Line(s.Note))
	}
	w.Flush()
	return stdoutError(writeTrimmed(env.Stdout, text.String()))
}

func describeTags(tags []string) string {
	if len(tags) == 1 {
		return "the tag " + tags[0]
	}
	return "all of the tags " + strings.Join(tags, ", ")
}

func (env Env) showStation(ctx context.Context, l *bindings.Lab, name string, asJSON bool) error {
	s, err := stationNamed(l, name)
	if err != nil {
		return err
	}
	line := env.stationLine(ctx, l, s)
	line.Last = env.lastResults()[s.Name]
	if asJSON {
		return printJSON(env.Stdout, line)
	}
	return printStation(env.Stdout, line)
}
