// Package report renders what runs left: pages, and the texts that CI systems read.
//
// It owns the reading of artefacts that may be incomplete or damaged, what counts as a success in a report, and
// the formats. Text of boards, scripts and servers is hostile to it. It does not know the command line, and no
// board.
package report

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/lab"
)

// Report is what is known of runs. Its methods change nothing: safe for concurrent use.
type Report struct {
	runs    []*run
	remarks []string       // what is missing or damaged, of no run alone
	files   []string       // that it reads, or would read if they were there
	refused *engine.Report // why a command on several stations chose none
}

// run is what one run left.
type run struct {
	name        string         // of its station in a summary; "" is none
	dir         string         // "" is none
	label       string         // added to its name, which another run has, too
	verdict     *engine.Report // nil if there is none
	noVerdict   string         // why there is none
	resumed     bool           // the verdict is that of an earlier run
	events      []engine.Event
	noEvents    bool     // their file is empty: it is opened before the run, whose end is an event
	transcripts []string // paths of the parts, the oldest first
	remarks     []string // what is missing or damaged
}

// New returns a report of a run that has just ended, by its verdict.
func New(verdict *engine.Report) *Report { return &Report{runs: []*run{{verdict: verdict}}} }

// NewFleet returns a report of a command on many stations that has just ended. refused is why it started none, or nil.
func NewFleet(results []lab.Result, refused error) *Report {
	r := &Report{}
	for _, x := range results {
		r.runs = append(r.runs, &run{name: x.Station.Name, verdict: x.Report, resumed: x.Resumed})
	}
	if refused != nil && len(results) == 0 { // otherwise the stations say it
		r.refused = engine.RefusedReport(refused)
	}
	return r
}

// Files returns the paths of the artefacts, which a report must not replace: also those of artefacts that are missing.
func (r *Report) Files() []string { return slices.Clone(r.files) }

// title names the run.
func (r *run) title() string {
	name := r.name
	if v := r.verdict; v != nil {
		name = cmp.Or(name, v.Station, v.Board)
	}
	if name == "" && r.dir != "" {
		name = filepath.Base(r.dir)
	}
	if r.label != "" {
		name += " (" + r.label + ")"
	}
	return inline(cmp.Or(name, "run"))
}

// script returns the path of the run's script, or what names it otherwise.
func (r *run) script() string {
	if r.verdict == nil {
		return r.title()
	}
	return inline(cmp.Or(r.verdict.Script.Path, r.verdict.Board, r.title()))
}

// mode returns the mode of the run, also of one without a verdict.
func (r *run) mode() string {
	if r.verdict == nil {
		return "run"
	}
	return inline(cmp.Or(string(r.verdict.Mode), "run"))
}

// flashes returns the flashes of a program.
func (r *run) flashes() (all []*engine.Report) {
	if r.verdict == nil {
		return nil
	}
	for _, f := range r.verdict.Runs {
		if f != nil {
			all = append(all, f)
		}
	}
	return all
}

// started returns when the run began, the zero time if that is not known.
func (r *run) started() time.Time {
	if r.verdict != nil {
		if t, err := time.Parse(time.RFC3339Nano, r.verdict.Started); err == nil {
			return t.UTC()
		}
	}
	if len(r.events) > 0 {
		return r.events[0].Time.UTC()
	}
	return time.Time{}
}

// attemptText describes an attempt in one line.
func attemptText(a *engine.Attempt) string {
	text := fmt.Sprintf("attempt %d", a.Number)
	if a.Error != "" {
		text += " failed: " + inline(a.Error)
	}
	if a.Kind != "" {
		text += " (" + inline(a.Kind) + ")"
	}
	return text
}

// targetText names the image and the target.
func targetText(v *engine.Report) string {
	name := inline(v.Target.Name)
	if v.Target.Device != "" {
		name += " (" + inline(v.Target.Device) + ")"
	}
	return name
}
