package report

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/engine"
)

// TestArtefactsOfSeveralRuns holds that the verdict of a run does not speak for a later one that was killed.
func TestArtefactsOfSeveralRuns(t *testing.T) {
	verdict := `{"result": "verified", "exit": 0, "run_id": "B", "started": "2026-11-29T12:00:00Z", "board": "sim", "target": {"state": "verified"}}`
	event := func(id, at string) string {
		return `{"time":"2026-11-29T` + at + `Z","type":"note","text":"note of ` + id + `","run_id":"` + id + `"}` + "\n"
	}
	transcript := func(id, at string) string { return "2026-11-29T" + at + ".000Z # run " + id + "\n" }
	for name, tt := range map[string]struct {
		events, transcript, older string
		want                      Outcome
		remark, none              string
	}{
		"one run":                   {event("B", "12:00:01"), transcript("B", "12:00:00"), transcript("B", "12:00:00"), Succeeded, "note of B", "left out"},
		"without run_id":            {event("", "13:00:00"), "2026-11-29T13:00:00.000Z < x\n", "", Succeeded, "13:00:00.000 &lt; x", "left out"},
		"events of a later run":     {event("C", "13:00:00"), "", "", Killed, "verdict.json is of the run B, and ", "badge success"},
		"transcript of a later run": {"", transcript("C", "13:00:00"), "", Killed, "transcript.log of the later run C, which has no verdict", "badge success"},
		"both of a later run":       {event("C", "13:00:00"), transcript("C", "13:00:00"), "", Killed, "events.jsonl of the later run C", "badge success"},
		"empty events":              {"empty", "", "", Killed, "events.jsonl is empty: a run later than that of ", "badge success"},
		"of an earlier run":         {event("A", "11:00:00"), transcript("A", "11:00:00"), "", Succeeded, "events.jsonl is of the earlier run A, not of B: it is left out", "note of A"},
		"an older part":             {event("B", "12:00:01"), transcript("B", "12:00:00"), transcript("A", "11:00:00"), Succeeded, "transcript.log.1 is of the run A, not of B", "run A\n"},
		"appended":                  {event("A", "11:00:00") + event("B", "12:00:01"), "", "", Succeeded, "has events of several runs: only those of the last one, B", "note of A"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{VerdictName: verdict}
			for path, text := range map[string]string{EventsName: tt.events, TranscriptName: tt.transcript, TranscriptName + ".1": tt.older} {
				if text != "" {
					files[path] = strings.TrimPrefix(text, "empty")
				}
			}
			r, err := Read(directory(t, files))
			if err != nil {
				t.Fatal(err)
			}
			if got := outcomeOf(r.runs[0].verdict); got != tt.want {
				t.Errorf("outcome = %s; want %s", got, tt.want)
			}
			if page := render(t, r, "html"); !strings.Contains(page, tt.remark) || strings.Contains(page, tt.none) {
				t.Errorf("the page has %q: %t, and %q: %t; want only the former", tt.remark, strings.Contains(page, tt.remark), tt.none, strings.Contains(page, tt.none))
			}
		})
	}
}

// TestSummaryOfAnotherRun holds that a report says if the directory of a station has another run than the summary.
func TestSummaryOfAnotherRun(t *testing.T) {
	r, err := Read(directory(t, map[string]string{
		SummaryName:        `{"result": "failed", "exit": 4, "counts": {"stations": 1}, "stations": [{"station": "a", "run_id": "A", "exit": 4}]}`,
		"a/" + VerdictName: `{"result": "verified", "exit": 0, "run_id": "B", "board": "sim", "target": {"state": "verified"}}`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := render(t, r, "github"), "has the run B, and the summary the run A"; !strings.Contains(got, want) {
		t.Errorf("github = %s; want %q", got, want)
	}
}

// TestVerdictWithoutExit holds that a verdict whose exit code cannot be read is no success.
func TestVerdictWithoutExit(t *testing.T) {
	for name, text := range map[string]string{
		"none": `{"result": "verified", "target": {"state": "verified"}}`,
		"text": `{"result": "verified", "exit": "4", "target": {"state": "verified"}}`,
		"null": `{"result": "done", "exit": null, "target": {"state": "verified"}}`,
	} {
		r, err := Read(directory(t, map[string]string{VerdictName: text}))
		if err != nil {
			t.Fatal(err)
		}
		if got := outcomeOf(r.runs[0].verdict); got != Killed {
			t.Errorf("%s: outcome = %s; want %s", name, got, Killed)
		}
	}
}

// TestHostileDirectory holds that the name of a directory is no markup, also of a run without a verdict.
func TestHostileDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a\x1b[31m\n]]>\xff")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, TranscriptName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := render(t, r, "junit")
	if err := xml.Unmarshal([]byte(got), new(junitSuites)); err != nil {
		t.Errorf("junit = %s: %v", got, err)
	}
}

// TestFirstRate holds that samples within microseconds make no rate: they are of a buffer.
func TestFirstRate(t *testing.T) {
	begin := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	var events []engine.Event
	add := func(after time.Duration, done int64) {
		events = append(events, engine.Event{Time: begin.Add(after), Type: engine.EventProgress, Done: done, Total: 100 << 20})
	}
	add(0, 1<<10)
	add(20*time.Microsecond, 4<<20)
	for i := range 96 {
		add(time.Duration(i+1)*100*time.Millisecond, int64(i+5)<<20)
	}
	if got, want := plotOf(events).Text, "100.0 MiB of 100.0 MiB in 9.6 s: 10.4 MiB/s on average, at most 30.0 MiB/s"; got != want {
		t.Errorf("plot = %q; want %q", got, want)
	}
}
