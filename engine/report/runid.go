package report

import (
	"bufio"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/bounded"
	"github.com/flashlua/flashlua/engine/input"
)

// runMark precedes the run_id in the first line of each part of a transcript.
const runMark = "run "

// differ reports whether a verdict has another run_id than id. Verdicts and artefacts without one differ from none.
func differ(v *engine.Report, id string) bool {
	return v != nil && v.RunID != "" && id != "" && v.RunID != id
}

// onlyOneRun leaves out artefacts of another run than that of the verdict. If they are of a later run, that run has
// no verdict, and the verdict counts for nothing.
func (r *run) onlyOneRun() {
	if n := len(r.events); n > 0 { // of a file to which several runs were appended, the last one counts
		last := r.events[n-1].RunID
		r.events = slices.DeleteFunc(r.events, func(e engine.Event) bool { return e.RunID != last })
		if len(r.events) < n {
			r.remark("%s has events of several runs: only those of the last one, %s, are shown", filepath.Join(r.dir, EventsName), last)
		}
	}
	if r.noEvents && outcomeOf(r.verdict) == Succeeded {
		r.noVerdict = fmt.Sprintf("%s is empty: a run later than that of %s was killed when it began", filepath.Join(r.dir, EventsName), filepath.Join(r.dir, VerdictName))
		r.verdict = nil
	}
	if len(r.events) > 0 && differ(r.verdict, r.events[0].RunID) {
		r.otherRun(EventsName, r.events[0].RunID, r.events[0].Time)
	}
	var same []string
	for _, path := range r.transcripts {
		id, at := transcriptRun(path)
		switch {
		case r.verdict == nil && len(r.events) > 0 && r.events[0].RunID != "" && id != "" && r.events[0].RunID != id:
			r.remark("%s is of the run %s, and %s of the run %s: the former is left out", path, id, EventsName, r.events[0].RunID)
		case differ(r.verdict, id) && filepath.Base(path) != TranscriptName:
			r.remark("%s is of the run %s, not of %s: it is left out", path, id, r.verdict.RunID)
		case differ(r.verdict, id):
			if r.otherRun(TranscriptName, id, at); r.verdict == nil {
				same = append(same, path)
			}
		default:
			same = append(same, path)
		}
	}
	r.transcripts = same
}

// otherRun records that an artefact is of another run than the verdict, and began at a time.
func (r *run) otherRun(name, id string, at time.Time) {
	path, verdict := filepath.Join(r.dir, name), filepath.Join(r.dir, VerdictName)
	if started, err := time.Parse(time.RFC3339Nano, r.verdict.Started); err == nil && at.Before(started) {
		r.remark("%s is of the earlier run %s, not of %s: it is left out", path, id, r.verdict.RunID)
		if name == EventsName {
			r.events = nil
		}
		return
	}
	r.noVerdict = fmt.Sprintf("%s is of the run %s, and %s of the later run %s, which has no verdict", verdict, r.verdict.RunID, path, id)
	r.verdict = nil
}

// transcriptRun returns the run_id in the first line of a transcript, and the time of the line. "" is none.
func transcriptRun(path string) (id string, at time.Time) {
	f, err := input.Open(path)
	if err != nil {
		return "", at
	}
	defer f.Close()
	raw, _, _ := bounded.Line(bufio.NewReader(f), maxLine)
	l, ok := parseLine(string(raw))
	id, marked := strings.CutPrefix(l.text, runMark)
	if !ok || !marked || l.mark != '#' {
		return "", at
	}
	return id, l.at
}
