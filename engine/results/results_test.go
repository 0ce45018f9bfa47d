package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// run returns the record of a run that was verified after minutes.
func run(minutes int, station string, change func(*Record)) Record {
	r := Record{Time: noon.Add(time.Duration(minutes) * time.Minute), Host: "lab", Station: station, Board: "b", Mode: "flash", Result: "verified", Attempts: 1, Duration: time.Minute}
	if change != nil {
		change(&r)
	}
	return r
}

func failed(exit int, kind string) func(*Record) {
	return func(r *Record) { r.Result, r.Exit, r.Kind = "failed", exit, kind }
}

// TestProcessesAppendWholeLines appends to one folder from many goroutines, each with a file of its own open, as
// processes have.
func TestProcessesAppendWholeLines(t *testing.T) {
	d := Folder(filepath.Join(t.TempDir(), "new", "folder"))
	const writers, each = 8, 50
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := d.Append(run(i, fmt.Sprint(w), func(r *Record) { r.Variant = strings.Repeat("x", i*100) })); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	all, remarks, err := d.Read(time.Time{})
	if err != nil || len(remarks) > 0 || len(all) != writers*each {
		t.Fatalf("Read = %d records, remarks %q, %v; want %d, none", len(all), remarks, err, writers*each)
	}
	for _, r := range all {
		if want := run(len(r.Variant)/100, r.Station, func(w *Record) { w.Variant = r.Variant }); fmt.Sprint(r) != fmt.Sprint(want) {
			t.Errorf("Read has %v; want %v", r, want)
		}
	}
}

// TestIncompleteLines holds that a line which was not written to its end is named, and costs no other one.
func TestIncompleteLines(t *testing.T) {
	d := Folder(t.TempDir())
	if err := d.Append(run(0, "a", nil)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(string(d), "2026-11.lab.jsonl")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) - 1 {
		torn := slices.Concat(whole, whole[:n])
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		all, remarks, err := d.Read(time.Time{})
		if n > 0 && (len(remarks) != 1 || !strings.HasPrefix(remarks[0], path+":2: the last line is incomplete: ")) || len(all) != 1 || err != nil {
			t.Fatalf("Read after %d bytes of a line = %d records, remarks %q, %v; want 1 and a remark", n, len(all), remarks, err)
		}
		if err := d.Append(run(1, "b", nil)); err != nil {
			t.Fatal(err)
		}
		all, remarks, err = d.Read(time.Time{})
		if n > 0 && (len(remarks) != 1 || remarks[0] != path+":2: the line is no result of flashlua: it is left out") || len(all) != 2 || err != nil {
			t.Fatalf("Read after another record = %d records, remarks %q, %v; want 2 and a remark", len(all), remarks, err)
		}
	}
	// All of a line except its newline is a record.
	if err := os.WriteFile(path, whole[:len(whole)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if all, remarks, err := d.Read(time.Time{}); len(all) != 1 || len(remarks) > 0 || err != nil {
		t.Errorf("Read without the last newline = %d records, remarks %q, %v; want 1", len(all), remarks, err)
	}
}

// TestRead holds which files and records are read.
func TestRead(t *testing.T) {
	d := Folder(t.TempDir())
	long := strings.Repeat("x", 2*maxLine)
	for name, text := range map[string]string{
		"notes.jsonl":            "foreign\n",
		"2026-11.lab.jsonl.bak":  "foreign\n",
		"2026-09.other.jsonl":    `{"time":"2026-09-30T23:59:59Z","board":"b","result":"verified"}` + "\n",
		"2026-10.other.jsonl":    `{"time":"2026-10-01T00:00:00Z","board":"b","result":"verified","new":[1]}` + "\n\n" + `{"time":"2026-10-02T00:00:00Z","board":"b","result":"failed"}` + "\n",
		"2026-11.very-long.json": long,
		"2026-11.long.jsonl":     long + "\n" + `{"time":"2026-11-01T00:00:00Z","board":"b","result":"done"}` + "\n" + `{"board":"b","result":"done"}` + "\nnull\n",
	} {
		if err := os.WriteFile(filepath.Join(string(d), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, remarks, err := d.Read(time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC))
	var results []string
	for _, r := range all {
		results = append(results, r.Result)
	}
	if want := []string{"failed", "done"}; !slices.Equal(results, want) || err != nil {
		t.Errorf("Read = %q, %v; want %q", results, err, want)
	}
	for i := range remarks {
		_, remarks[i], _ = strings.Cut(remarks[i], ".jsonl:")
	}
	const no = ": the line is no result of flashlua: it is left out"
	if want := []string{"1" + no, "3" + no, "4" + no}; !slices.Equal(remarks, want) {
		t.Errorf("remarks = %q; want %q", remarks, want)
	}
	if _, _, err := Folder(filepath.Join(string(d), "none")).Read(noon); !os.IsNotExist(err) {
		t.Errorf("Read of no folder = %v; want that it does not exist", err)
	}
	if err := Folder(filepath.Join(string(d), "notes.jsonl")).Prepare(noon, "lab"); err == nil {
		t.Error("Prepare in a file = nil; want an error")
	}
	if err := d.Prepare(noon, "../lab /x"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(string(d), "2026-11..._lab_x.jsonl")); err != nil {
		t.Errorf("the file of an unusual host: %v", err)
	}
}

// mixed are runs of every state.
var mixed = []Record{
	run(1, "flaky", func(r *Record) {
		r.Duration, r.Steps = 10*time.Second, map[string]time.Duration{"write": 4 * time.Second, "uboot": time.Second}
	}),
	run(2, "flaky", func(r *Record) {
		r.Duration, r.Steps = 20*time.Second, map[string]time.Duration{"write": 6 * time.Second}
		r.Failures = []Failure{{1, "network", "net.dhcp.timeout"}, {1, "network", "net.dhcp.timeout"}}
	}),
	run(3, "flaky", failed(4, "net.dhcp.timeout")),
	run(4, "flaky", failed(130, "run.interrupted")),
	run(5, "flaky", failed(2, "transport.busy")),
	run(6, "less", nil), run(7, "less", nil), run(8, "less", func(r *Record) { r.Attempts = 2 }),
	run(9, "failing", failed(3, "verify.mismatch")), run(10, "failing", failed(1, "")),
	run(11, "steady", nil),
	run(12, "idle", failed(75, "transport.busy")), run(13, "idle", func(r *Record) { r.Result = "skipped" }),
	run(14, "", func(r *Record) { r.Port = `tcp:"x"\1` }),
	run(15, "", func(r *Record) { r.Board = "<script>alert(1)</script>" }),
}

func TestSummarise(t *testing.T) {
	s := Summarise(mixed, noon, noon.Add(time.Hour))
	var got []string
	for _, g := range s.Groups {
		got = append(got, fmt.Sprintf("%s %s: %d runs, %d refused, %d interrupted, %d verified, %d retried, %.2f, kinds %v, steps %v, %s, last %s %s", g.Station, g.State, g.Runs, g.Refused, g.Interrupted, g.Verified, g.Retried, g.Share, g.Kinds, g.Steps, time.Duration(g.Median), g.LastResult, g.LastKind))
	}
	want := []string{
		"flaky flaky: 5 runs, 1 refused, 1 interrupted, 2 verified, 1 retried, 0.67, kinds [{net.dhcp.timeout 2} {run.interrupted 1} {transport.busy 1}], steps [{write 5000000000 2} {uboot 1000000000 1}], 15s, last failed transport.busy",
		"less flaky: 3 runs, 0 refused, 0 interrupted, 3 verified, 1 retried, 1.00, kinds [], steps [], 1m0s, last verified ",
		"failing failing: 2 runs, 0 refused, 0 interrupted, 0 verified, 0 retried, 0.00, kinds [{verify.mismatch 1}], steps [], 0s, last failed ",
		"lab steady: 1 runs, 0 refused, 0 interrupted, 1 verified, 0 retried, 1.00, kinds [], steps [], 1m0s, last verified ",
		"steady steady: 1 runs, 0 refused, 0 interrupted, 1 verified, 0 retried, 1.00, kinds [], steps [], 1m0s, last verified ",
		`tcp:"x"\1 steady: 1 runs, 0 refused, 0 interrupted, 1 verified, 0 retried, 1.00, kinds [], steps [], 1m0s, last verified `,
		"idle idle: 2 runs, 2 refused, 0 interrupted, 0 verified, 0 retried, 0.00, kinds [{transport.busy 1}], steps [], 0s, last skipped ",
	}
	if !slices.Equal(got, want) || s.Runs != len(mixed) {
		t.Errorf("Summarise of %d runs =\n%s\nwant\n%s", s.Runs, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if raw, err := json.Marshal(Summarise(nil, noon, noon)); err != nil || !strings.HasSuffix(string(raw), `"runs":0,"groups":[]}`) {
		t.Errorf("the summary of no runs = %s, %v; want an empty list of groups", raw, err)
	}
}

// TestMetrics holds the form of the metrics: https://prometheus.io/docs/instrumenting/exposition_formats/.
func TestMetrics(t *testing.T) {
	var b bytes.Buffer
	if err := Summarise(mixed, noon, noon.Add(time.Hour)).WriteMetrics(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{
		`flashlua_runs{station="flaky",board="b",outcome="verified"} 1` + "\n",
		`flashlua_runs{station="flaky",board="b",outcome="verified_after_retry"} 1` + "\n",
		`flashlua_runs{station="flaky",board="b",outcome="failed"} 1` + "\n",
		`flashlua_failures{station="flaky",board="b",kind="net.dhcp.timeout"} 2` + "\n",
		`flashlua_step_median_seconds{station="flaky",board="b",step="write"} 5` + "\n",
		`flashlua_verified_ratio{station="tcp:\"x\"\\1",board="b"} 1` + "\n",
		`flashlua_last_run_verified{station="idle",board="b"} 0` + "\n",
		"flashlua_results_window_seconds 3600\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	sample := regexp.MustCompile(`^[a-z_]+(\{([a-z_]+="([^"\\\n]|\\[\\n"])*",?)+\})? [-+.0-9eE]+$`)
	seen, family := map[string]bool{}, ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if comment, ok := strings.CutPrefix(line, "# "); ok {
			if words := strings.Fields(comment); words[0] == "HELP" {
				if family = words[1]; seen[family] {
					t.Errorf("the metrics have %s twice", family)
				}
				seen[family] = true
			}
			continue
		}
		series, _, _ := strings.Cut(line, "} ")
		if !sample.MatchString(line) || !strings.HasPrefix(line, family) || seen[series] {
			t.Errorf("the line %q is no sample of %s, or a second one", line, family)
		}
		seen[series] = true
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Logf("LEFT OUT: promtool check metrics: %v", err)
		return
	}
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics = %v\n%s", err, out)
	}
}

// TestPage holds that the page has the runs, escapes what others chose, and needs no other file and no script.
func TestPage(t *testing.T) {
	s := Summarise(mixed, noon, noon.Add(time.Hour))
	s.Warnings = []string{"<b>a remark</b>"}
	var b bytes.Buffer
	if err := s.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{"15 runs", `class="state flaky"`, "67 %", "net.dhcp.timeout × 2", "write 5.0 s", "&lt;script&gt;alert(1)&lt;/script&gt;", "&lt;b&gt;a remark&lt;/b&gt;", "2026-11-29 12:05"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if bad := regexp.MustCompile(`<script|(?:src|href)="[^d]|url\(|@import| on\w+="`).FindString(text); bad != "" {
		t.Errorf("the page has %q; want nothing that is fetched or executed", bad)
	}
	b.Reset()
	if err := Summarise(nil, noon, noon).WriteHTML(&b); err != nil || !strings.Contains(b.String(), "There are no runs in this time.") {
		t.Errorf("WriteHTML of no runs = %v\n%s", err, b.String())
	}
}

// TestFieldsAreDocumented holds that docs/outputs.md has every field and every metric.
func TestFieldsAreDocumented(t *testing.T) {
	raw, err := os.ReadFile("../../docs/outputs.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(raw), "\n## The results\n")
	names := []string{"flashlua_results_window_seconds"}
	for _, m := range metrics {
		names = append(names, m.name)
	}
	for _, v := range []any{Record{}, Failure{}, Summary{}, Group{}, Count{}, StepTime{}} {
		for f := range reflect.TypeOf(v).NumField() {
			name, _, _ := strings.Cut(reflect.TypeOf(v).Field(f).Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	for _, name := range names {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("docs/outputs.md lacks %s", name)
		}
	}
}

// TestRecordIsBounded holds that a script cannot make a record grow without limit.
func TestRecordIsBounded(t *testing.T) {
	var r Record
	for i := range 3 * MaxFailures {
		r.SetStep(fmt.Sprint(i, strings.Repeat("ü", 500)), time.Second)
		r.AddFailure(Failure{Attempt: i, Step: strings.Repeat("ü", 500)})
	}
	r.SetStep(fmt.Sprint(0, strings.Repeat("ü", 500)), time.Duration(math.MaxInt64))
	raw, err := r.line()
	if err != nil || len(r.Steps) != MaxFailures || len(r.Failures) != MaxFailures || len(raw) > 32<<10 {
		t.Errorf("a record has %d steps, %d failures, %d bytes, %v; want at most %d", len(r.Steps), len(r.Failures), len(raw), err, MaxFailures)
	}
}
