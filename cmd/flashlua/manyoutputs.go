package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/input"
	"github.com/flashlua/flashlua/engine/lab"
	"github.com/flashlua/flashlua/engine/report"
)

// maxVerdict is how many bytes a verdict may have that is read.
const maxVerdict = 16 << 20

// manyOutputs are the files of a run on several stations: a directory for each station, and the summary. The zero value
// has none.
type manyOutputs struct {
	clk     clock.Clock
	inputs  []string // files that must not be replaced
	dirs    []string // of the stations; nil without --out
	lock    *os.File // of the directory of --out; nil is none
	summary *verdict // the file of the summary
	reports reportOutputs
}

// isDirName reports whether a name can be that of a directory in another one.
func isDirName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00") && name != report.SummaryName
}

// openManyOutputs creates the directory of --out and those of the stations. It removes the outputs of an earlier run,
// unless that is resumed: then only its summary. After an error, the summary can still be written if the outputs are
// not nil.
func openManyOutputs(c *cli.Context, stations []lab.Station, clk clock.Clock) (*manyOutputs, error) {
	m := &manyOutputs{clk: clk, inputs: []string{c.String("image"), c.String("sha256")}}
	dir := c.String("out")
	failed := func(dir string, err error) error {
		return classify.Wrap(err, classify.Usage, "--out %s cannot be used", dir)
	}
	others := slices.Clone(m.inputs) // of the reports
	var err error
	if dir != "" {
		if m.lock, err = claimOutDir(dir, m.inputs); err == nil {
			m.summary, err = openVerdict(filepath.Join(dir, report.SummaryName), m.inputs)
		}
		if err != nil {
			err = failed(dir, err)
		}
		for _, s := range stations {
			for flag := range artefactNames {
				others = append(others, filepath.Join(dir, s.Name, artefactNames[flag]))
			}
		}
	}
	reports, unopened := openReports(c.String, others)
	if m.reports, err = reports, cmp.Or(err, unopened); err != nil {
		return m, err
	}
	if err := checkStations(stations); err != nil || dir == "" {
		return m, err
	}
	for _, s := range stations {
		own := filepath.Join(dir, s.Name)
		prepare := prepareOutDir
		if c.Bool("resume") {
			prepare = func(dir string, _ []string) error { return os.MkdirAll(dir, 0o755) }
		}
		if err := prepare(own, m.inputs); err != nil {
			return m, failed(own, err)
		}
		m.dirs = append(m.dirs, own)
	}
	return m, nil
}

// close lets other runs use the directory.
func (m *manyOutputs) close() { m.lock.Close() } // nil is allowed

// open opens the outputs of a station. It removes those of an earlier run.
func (m *manyOutputs) open(i int) (artefacts, error) {
	if m.dirs == nil {
		return artefacts{runID: engine.NewRunID()}, nil
	}
	return openOutputs(func(flag string) string {
		if flag == "out" {
			return m.dirs[i]
		}
		return ""
	}, m.inputs, nil, m.clk)
}

// readVerdict returns the verdict of the earlier run of a station, nil if there is none.
func (m *manyOutputs) readVerdict(i int) (*engine.Report, error) {
	path := filepath.Join(m.dirs[i], artefactNames["verdict"])
	f, err := input.OpenFile(path, os.O_RDONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxVerdict))
	if err != nil {
		return nil, err
	}
	var rep engine.Report
	if err := json.Unmarshal(raw, &rep); err != nil {
		return nil, fmt.Errorf("%s is no verdict: %w", path, err)
	}
	return &rep, nil
}
