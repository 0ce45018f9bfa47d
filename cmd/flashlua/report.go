package main

import (
	"bytes"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/report"
)

// reportFormats are the formats of a report.
var reportFormats = map[string]func(*report.Report, io.Writer) error{
	"html":     (*report.Report).WriteHTML,
	"junit":    (*report.Report).WriteJUnit,
	"markdown": (*report.Report).WriteMarkdown,
	"github":   (*report.Report).WriteGitHub,
	"gitlab":   (*report.Report).WriteGitLab,
}

// reportExtensions are the formats of a report that the extension of its file names.
var reportExtensions = map[string]string{".html": "html", ".xml": "junit", ".md": "markdown"}

func (env Env) reportCommand() *cli.Command {
	return &cli.Command{
		Name: "report", Usage: "render what runs left as a page, or as CI systems read it", ArgsUsage: "PATH...",
		Description: "PATH is the directory of --out, of one run or of several stations, or a verdict. What is missing or damaged is\n" +
			"named. The exit code says whether the report was written, and not how the runs ended.\n\n" +
			"  flashlua report artefacts --to report.html\n" +
			"  flashlua report artefacts --format junit --to flash.xml\n" +
			"  flashlua report artefacts/* --format markdown >>$GITHUB_STEP_SUMMARY",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Usage: "`F` is html, junit, markdown, github or gitlab", DefaultText: "by the extension of --to: .html, .xml, .md"},
			&cli.StringFlag{Name: "to", Usage: "write or replace `FILE`", DefaultText: "standard output"},
		},
		OnUsageError: onUsageError,
		Action:       env.report,
	}
}

func (env Env) report(c *cli.Context) error {
	if c.NArg() == 0 {
		return usageErrorFor("report", "PATH is required: flashlua report PATH...")
	}
	format := c.String("format")
	if format == "" {
		format = reportExtensions[filepath.Ext(c.String("to"))]
	}
	write := reportFormats[format]
	if write == nil {
		return unknownFormat("report", format, slices.Sorted(maps.Keys(reportFormats)))
	}
	r, err := report.Read(c.Args().Slice()...)
	if err != nil {
		return classify.WithHint(classify.Wrap(err, classify.Usage, "there is nothing to report"),
			"name the directory that a run had for --out, or a verdict")
	}
	if to := c.String("to"); to == "" || to == standardOutput {
		return stdoutError(write(r, env.Stdout))
	}
	v, err := openVerdict(c.String("to"), append(r.Files(), c.Args().Slice()...))
	if err == nil {
		var text bytes.Buffer
		if err = write(r, &text); err == nil {
			err = v.put(text.Bytes())
		}
	}
	return unreadHint(classify.Wrap(err, classify.Usage, "--to %s cannot be written", c.String("to")))
}

// unknownFormat returns the error of a value of --format.
func unknownFormat(command, format string, known []string) error {
	if format == "" {
		return usageErrorFor(command, "--format is required: %s", strings.Join(known, ", "))
	}
	return usageErrorFor(command, "--format %q is not known%s; known are %s", format, bindings.DidYouMean(format, known), strings.Join(known, ", "))
}
