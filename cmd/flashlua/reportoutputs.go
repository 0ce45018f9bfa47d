package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/report"
)

// reportFlags returns the flags for reports that a run writes at its end.
func reportFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "junit", Usage: "write the result to `FILE`, as JUnit XML"},
		&cli.StringFlag{Name: "summary", Usage: "append the result to `FILE`, as markdown"},
	}
}

// reportOutputs are the reports that a run writes at its end. The zero value has none.
type reportOutputs struct {
	junit   *verdict
	summary *os.File // nil without --summary
}

// openReports opens the files of --junit and --summary, before the run. inputs are files that must not be changed.
func openReports(value func(flag string) string, inputs []string) (o reportOutputs, err error) {
	for _, name := range []string{"junit", "summary"} {
		if value(name) == standardOutput {
			return o, classify.WithHint(classify.New(classify.Usage, "--%s -: a report of a run needs a file", name),
				"use --out DIR, and then flashlua report DIR, which prints it")
		}
	}
	others := slices.DeleteFunc(slices.Clone(inputs), isStream)
	for name := range artefactNames {
		if path := artefactPath(value(name), value("out"), name); !isStream(path) {
			others = append(others, path)
		}
	}
	if dir := value("out"); dir != "" {
		others = append(others, filepath.Join(dir, rotatedName(artefactNames["transcript"])), filepath.Join(dir, report.SummaryName))
	}
	if path := value("junit"); path != "" {
		if o.junit, err = openVerdict(path, append(others, value("summary"))); err != nil {
			return reportOutputs{}, unreadHint(classify.Wrap(err, classify.OutputOpen, "--junit %s cannot be written", path))
		}
	}
	if path := value("summary"); path != "" {
		if o.summary, err = openToAppend(path, others); err != nil {
			o.close()
			return reportOutputs{}, unreadHint(classify.Wrap(err, classify.OutputOpen, "--summary %s cannot be written", path))
		}
	}
	return o, nil
}

// openToAppend opens a file, to which the programs of one job append one after the other.
func openToAppend(path string, others []string) (*os.File, error) {
	if err := checkNotInput(path, others); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NONBLOCK, 0o644) // O_NONBLOCK: opening a FIFO without a reader would block
}

// write writes the reports of r, if there are any.
func (o reportOutputs) write(clk clock.Clock, r *report.Report) error {
	if o.junit == nil && o.summary == nil {
		return nil
	}
	defer o.close()
	var junit, summary bytes.Buffer
	if err := errors.Join(r.WriteJUnit(&junit), r.WriteMarkdown(&summary)); err != nil {
		return classify.Wrap(err, classify.OutputWrite, "the reports could not be written")
	}
	var errs []error
	if o.junit != nil {
		errs = append(errs, classify.Wrap(inTime(clk, func() error { return o.junit.put(junit.Bytes()) }), classify.OutputWrite, "the file of --junit could not be written"))
	}
	if o.summary != nil {
		errs = append(errs, classify.Wrap(inTime(clk, func() error {
			_, err := o.summary.Write(summary.Bytes())
			return err
		}), classify.OutputWrite, "the file of --summary could not be written"))
	}
	return errors.Join(errs...)
}

// close closes what was not written.
func (o reportOutputs) close() {
	if o.junit != nil && o.junit.f != nil {
		o.junit.f.Close()
		if o.junit.path != "" {
			os.Remove(o.junit.f.Name())
		}
	}
	if o.summary != nil {
		o.summary.Close()
	}
}

// again writes the reports of a run once more, into regular files: that another output failed was not known before.
func (o reportOutputs) again(clk clock.Clock, r *report.Report) {
	if o.junit != nil && o.junit.path != "" {
		o.junit, _ = openVerdict(o.junit.path, nil)
	} else {
		o.junit = nil
	}
	if o.summary != nil {
		o.summary, _ = openToAppend(o.summary.Name(), nil)
	}
	o.write(clk, r) // what cannot be written has been said
}
