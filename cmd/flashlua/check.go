package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/engine/report"
	"github.com/flashlua/flashlua/engine/visible"
)

func (env Env) checkCommand() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "check scripts for mistakes without touching hardware", ArgsUsage: "SCRIPT...",
		Description: "Prints findings as file:line:column: message (rule), and exits with 2 if there are any. To suppress a rule, put a\n" +
			"comment on the line or on the line before it:\n\n" +
			"  -- check: allow RULE because REASON\n\n" +
			"  flashlua check boards/*.lua",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Usage: "`F` is text, json, github for annotations, or gitlab for a Code Quality report", DefaultText: "text"},
			&cli.BoolFlag{Name: "json", DisableDefaultText: true, Usage: "print JSON, as --format json"},
		},
		OnUsageError: onUsageError,
		BashComplete: completeBoards,
		Action:       env.check,
	}
}

func (env Env) check(c *cli.Context) error {
	if c.NArg() == 0 {
		return usageErrorFor("check", "SCRIPT is required: flashlua check SCRIPT...")
	}
	format, err := findingsFormat(c)
	if err != nil {
		return err
	}
	all := []bindings.Finding{}
	for _, spec := range c.Args().Slice() {
		found, err := bindings.Check(spec, bindings.Options{})
		if err != nil {
			return err
		}
		all = append(all, found...)
	}
	return env.printFindings(all, format)
}

// findingsFormats are the formats of findings.
var findingsFormats = map[string]func(w io.Writer, all []bindings.Finding) error{
	"text": func(w io.Writer, all []bindings.Finding) error {
		for _, f := range all {
			if _, err := fmt.Fprintln(w, visible.Text(f.String())); err != nil {
				return stdoutError(err)
			}
		}
		return nil
	},
	"json": func(w io.Writer, all []bindings.Finding) error { return printJSON(w, all) },
	"github": func(w io.Writer, all []bindings.Finding) error {
		return stdoutError(report.WriteGitHubFindings(w, reportFindings(all)))
	},
	"gitlab": func(w io.Writer, all []bindings.Finding) error {
		return stdoutError(report.WriteGitLabFindings(w, reportFindings(all)))
	},
}

// findingsFormat returns the format that --format or --json names.
func findingsFormat(c *cli.Context) (string, error) {
	format := c.String("format")
	switch {
	case !c.IsSet("format") && c.Bool("json"):
		return "json", nil
	case !c.IsSet("format"):
		return "text", nil
	case c.Bool("json") && format != "json":
		return "", usageErrorFor("check", "--json and --format %s exclude each other", format)
	case findingsFormats[format] == nil:
		return "", unknownFormat("check", format, slices.Sorted(maps.Keys(findingsFormats)))
	}
	return format, nil
}

// reportFindings returns findings as a report has them.
func reportFindings(all []bindings.Finding) (found []report.Finding) {
	for _, f := range all {
		found = append(found, report.Finding(f))
	}
	return found
}

// printFindings prints findings. It returns an error with exit code 2 if there are any.
func (env Env) printFindings(all []bindings.Finding, format string) error {
	if err := findingsFormats[format](env.Stdout, all); err != nil {
		return err
	}
	if len(all) > 0 {
		return exitCode(2)
	}
	return nil
}
