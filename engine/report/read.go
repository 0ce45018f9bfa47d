package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/bounded"
	"github.com/flashlua/flashlua/engine/input"
	"github.com/flashlua/flashlua/engine/lab"
)

// Names of the artefacts in the directory of a run, and of the summary in that of several stations.
const (
	VerdictName    = "verdict.json"
	EventsName     = "events.jsonl"
	TranscriptName = "transcript.log"
	SummaryName    = "summary.json"
)

const (
	// maxVerdict is how many bytes a verdict or a summary may have.
	maxVerdict = 16 << 20
	// maxEventLine is how many bytes of a line of the events are read.
	maxEventLine = 1 << 20
	// maxDamage is how many damaged lines of a file are named.
	maxDamage = 5
)

// ErrNoArtefacts is the error of a path that has nothing of a run.
var ErrNoArtefacts = errors.New("it has no verdict.json, events.jsonl, transcript.log or summary.json")

// Read reads the artefacts of runs. A path is a verdict or a summary, or the directory of a run or of several
// stations. What is missing or damaged is in the report.
func Read(paths ...string) (*Report, error) {
	r := &Report{}
	for _, path := range paths {
		st, err := os.Stat(path)
		if err == nil && st.IsDir() {
			err = r.readDir(path)
		} else if err == nil {
			err = r.readFile(path)
		}
		if err != nil {
			return nil, fmt.Errorf("%s cannot be read: %w", path, withoutPath(err))
		}
	}
	r.distinguish()
	return r, nil
}

// distinguish adds their directories to the names of runs that several have: boards without a station, or one
// station again and again.
func (r *Report) distinguish() {
	count := map[string]int{}
	for _, x := range r.runs {
		count[x.title()]++
	}
	for _, x := range r.runs {
		if count[x.title()] > 1 {
			x.label = x.dir
		}
	}
}

// withoutPath returns the error without the path that a caller names.
func withoutPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// readFile reads a verdict or a summary.
func (r *Report) readFile(path string) error {
	raw, err := input.Read(path, maxVerdict)
	if err != nil {
		return err
	}
	var s struct{ Counts *lab.Counts }
	if json.Unmarshal(raw, &s) == nil && s.Counts != nil {
		return r.readStations(filepath.Dir(path), raw)
	}
	v, err := parseVerdict(raw)
	if v == nil {
		return fmt.Errorf("it is no verdict: %w", err)
	}
	one := &run{dir: path, verdict: v, remarks: []string{"there are no events and no console: the report has only the verdict"}}
	if err != nil {
		one.remarks = append(one.remarks, fmt.Sprintf("%s is damaged: %v", path, err))
	}
	r.runs = append(r.runs, one)
	return nil
}

// readDir reads the directory of a run or of several stations.
func (r *Report) readDir(dir string) error {
	r.files = append(r.files, filepath.Join(dir, SummaryName))
	raw, err := input.Read(filepath.Join(dir, SummaryName), maxVerdict)
	switch {
	case err == nil:
		return r.readStations(dir, raw)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", SummaryName, withoutPath(err))
	case hasRun(dir):
		r.addRun(dir, "")
		return nil
	}
	stations, err := stationDirs(dir)
	if err != nil {
		return err
	}
	if len(stations) == 0 {
		return ErrNoArtefacts
	}
	r.remarks = append(r.remarks, fmt.Sprintf("%s has no %s: the command on several stations was killed, and stations that it did not start are missing", dir, SummaryName))
	r.runs = append(r.runs, &run{name: filepath.Base(filepath.Clean(dir)), noVerdict: "there is no " + SummaryName})
	for _, name := range stations {
		r.addRun(filepath.Join(dir, name), name)
	}
	return nil
}

// hasRun reports whether a directory has an artefact of a run.
func hasRun(dir string) bool {
	for _, name := range []string{VerdictName, EventsName, TranscriptName} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// stationDirs returns the names of the directories in dir that have artefacts.
func stationDirs(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() && hasRun(filepath.Join(dir, e.Name())) {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// readStations reads the summary of several stations, and the directory of each.
func (r *Report) readStations(dir string, raw []byte) error {
	var s lab.Summary
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("%s is damaged: %w", SummaryName, err)
	}
	earlier := len(r.runs)
	for _, station := range s.Stations {
		if !filepath.IsLocal(station.Station) || strings.ContainsAny(station.Station, `/\`) {
			r.remarks = append(r.remarks, fmt.Sprintf("%s: %q is no name of a station", filepath.Join(dir, SummaryName), station.Station))
			continue
		}
		one := r.addRun(filepath.Join(dir, station.Station), station.Station)
		if one.resumed = station.Resumed; differ(one.verdict, station.RunID) {
			r.remarks = append(r.remarks, fmt.Sprintf("%s has the run %s, and the summary the run %s: the report has the former",
				filepath.Join(one.dir, VerdictName), one.verdict.RunID, station.RunID))
		}
	}
	r.addCommand(&s, r.runs[earlier:])
	return nil
}

// addRun adds the run whose directory it reads.
func (r *Report) addRun(dir, name string) *run {
	for _, file := range []string{VerdictName, EventsName, TranscriptName, TranscriptName + ".1"} {
		r.files = append(r.files, filepath.Join(dir, file))
	}
	one := readRun(dir, name)
	r.runs = append(r.runs, one)
	return one
}

// readRun reads the directory of a run.
func readRun(dir, name string) *run {
	r := &run{name: name, dir: filepath.Clean(dir)}
	r.readVerdict(filepath.Join(dir, VerdictName))
	r.readEvents(filepath.Join(dir, EventsName))
	for _, name := range []string{TranscriptName + ".1", TranscriptName} {
		path := filepath.Join(dir, name)
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
			r.transcripts = append(r.transcripts, path)
		}
	}
	if len(r.transcripts) == 0 {
		r.remark("%s is missing: the console is not shown", filepath.Join(dir, TranscriptName))
	}
	r.onlyOneRun()
	return r
}

func (r *run) remark(format string, args ...any) {
	r.remarks = append(r.remarks, fmt.Sprintf(format, args...))
}

func (r *run) readVerdict(path string) {
	raw, err := input.Read(path, maxVerdict)
	if errors.Is(err, fs.ErrNotExist) {
		r.noVerdict = path + " is missing"
		return
	}
	if err == nil {
		r.verdict, err = parseVerdict(raw)
	}
	if r.verdict == nil {
		r.noVerdict = fmt.Sprintf("%s is damaged: %v", path, withoutPath(err))
	} else if err != nil {
		r.remark("%s is damaged: %v", path, err)
	}
}

func (r *run) readEvents(path string) {
	f, err := input.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		r.remark("%s is missing: the report has no timeline and no rates", path)
		return
	}
	if err == nil {
		defer f.Close()
		err = r.addEvents(f, path)
		if st, failed := f.Stat(); failed == nil && st.Mode().IsRegular() {
			r.noEvents = st.Size() == 0
		}
	}
	if err != nil {
		r.remark("%s cannot be read to its end: %v", path, withoutPath(err))
	}
}

// addEvents adds the events of a file. Lines that are no events are left out.
func (r *run) addEvents(in io.Reader, path string) error {
	damage := damage{path: path, what: "event"}
	lines := bufio.NewReader(in)
	for n := 1; ; n++ {
		line, whole, err := bounded.Line(lines, maxEventLine)
		if err != nil && err != io.EOF {
			return err
		}
		var e engine.Event
		if len(bytes.TrimSpace(line)) == 0 {
		} else if json.Unmarshal(line, &e) == nil && e.Type != "" && !e.Time.IsZero() {
			r.events = append(r.events, e)
		} else {
			damage.add(n, whole)
		}
		if err == io.EOF {
			r.remarks = append(r.remarks, damage.remarks()...)
			return nil
		}
	}
}

// damage counts the damaged lines of a file.
type damage struct {
	path, what string
	named      []string
	count      int
}

// add adds a line. whole is false for one without an end.
func (d *damage) add(n int, whole bool) {
	if d.count++; len(d.named) >= maxDamage {
		return
	}
	why := "the line is no " + d.what
	if !whole {
		why = "the last line is incomplete: the run was killed while it was written, or the disk was full"
	}
	d.named = append(d.named, fmt.Sprintf("%s:%d: %s", d.path, n, why))
}

func (d *damage) remarks() []string {
	if d.count > len(d.named) {
		return append(d.named, fmt.Sprintf("%s: %d more lines are damaged", d.path, d.count-len(d.named)))
	}
	return d.named
}
