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
	"github.com/flashlua/flashlua/engine/visible"
)

// Report is what is known of runs. Its methods change nothing: safe for concurrent use.
type Report struct {
	runs    []*run
	remarks []string       // what is missing or damaged, of no run alone
	files   []string       // that it reads, or would read if they were there
	command *engine.Report // failure of a command on several stations that none of them has; nil is none
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

// NewFleet returns a report of a command on many stations that has just ended, by their results and its summary.
func NewFleet(results []lab.Result, s *lab.Summary) *Report {
	r := &Report{}
	for _, x := range results {
		r.runs = append(r.runs, &run{name: x.Station.Name, verdict: x.Report, resumed: x.Resumed})
	}
	r.addCommand(s, r.runs)
	return r
}

// addCommand adds the failure of a command on several stations, unless one of its runs has it.
func (r *Report) addCommand(s *lab.Summary, runs []*run) {
	failed := func(x *run) bool { o := outcomeOf(x.verdict); return o != Succeeded && o != Planned }
	switch {
	case s.Exit == engine.ExitVerified || slices.ContainsFunc(runs, failed):
	case s.Error != "":
		r.command = &engine.Report{Result: s.Result, Exit: s.Exit, Error: s.Error, Kind: s.Kind, Hint: s.Hint}
	default:
		r.command = &engine.Report{
			Result: engine.ResultFailed, Exit: s.Exit,
			Error: fmt.Sprintf("the command on the stations ended with exit code %d, and none of them failed", s.Exit),
			Hint:  "an output could not be written, or a signal ended the command: its messages say which",
		}
	}
}

// commandTitle names the command on several stations.
func (r *Report) commandTitle() string {
	if len(r.runs) == 0 {
		return "no station was started"
	}
	return "all stations"
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
	return visible.Line(cmp.Or(name, "run"))
}

// script returns the path of the run's script, or what names it otherwise.
func (r *run) script() string {
	if r.verdict == nil {
		return r.title()
	}
	return visible.Line(cmp.Or(r.verdict.Script.Path, r.verdict.Board, r.title()))
}

// mode returns the mode of the run, also of one without a verdict.
func (r *run) mode() string {
	if r.verdict == nil {
		return "run"
	}
	return visible.Line(cmp.Or(string(r.verdict.Mode), "run"))
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
		text += " failed: " + visible.Line(a.Error)
	}
	if a.Kind != "" {
		text += " (" + visible.Line(a.Kind) + ")"
	}
	return text
}

// targetText names the image and the target.
func targetText(v *engine.Report) string {
	name := visible.Line(v.Target.Name)
	if v.Target.Device != "" {
		name += " (" + visible.Line(v.Target.Device) + ")"
	}
	return name
}
