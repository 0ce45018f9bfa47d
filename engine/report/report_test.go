package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/lab"
)

// formats are all formats of a report.
var formats = map[string]func(*Report, io.Writer) error{
	"html": (*Report).WriteHTML, "junit": (*Report).WriteJUnit, "markdown": (*Report).WriteMarkdown, "github": (*Report).WriteGitHub, "gitlab": (*Report).WriteGitLab,
}

func render(t *testing.T, r *Report, format string) string {
	t.Helper()
	var b strings.Builder
	if err := formats[format](r, &b); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return b.String()
}

// directory writes files, and returns their directory.
func directory(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestOutcome(t *testing.T) {
	for _, tt := range []struct {
		result engine.Result
		exit   engine.ExitCode
		state  engine.State
		want   Outcome
	}{
		{engine.ResultVerified, 0, engine.Verified, Succeeded},
		{engine.ResultVerified, 0, engine.Written, Failed},
		{engine.ResultVerified, 0, "", Failed},
		{engine.ResultVerified, 3, engine.Verified, Failed}, // the power state
		{engine.ResultVerified, 6, engine.Verified, Failed}, // an output
		{engine.ResultDone, 0, engine.Untouched, Succeeded},
		{engine.ResultDone, 3, engine.Verified, Failed},
		{engine.ResultReached, 0, engine.Untouched, Succeeded},
		{engine.ResultPlanned, 0, engine.Untouched, Planned},
		{engine.ResultPlanned, 2, engine.Untouched, Refused},
		{engine.ResultSkipped, 2, engine.Untouched, Skipped},
		{engine.ResultSkipped, 0, engine.Verified, Skipped},
		{engine.ResultFailed, 0, engine.Verified, Failed},
		{engine.ResultFailed, 1, engine.Unknown, Bug},
		{engine.ResultFailed, 2, engine.Untouched, Refused},
		{engine.ResultFailed, 75, engine.Untouched, Refused},
		{engine.ResultFailed, 4, engine.Partial, Failed},
		{engine.ResultFailed, 130, engine.Partial, Failed},
		{"of the future", 0, engine.Verified, Failed},
	} {
		v := &engine.Report{Result: tt.result, Exit: tt.exit, Target: engine.TargetReport{State: tt.state}}
		if got := outcomeOf(v); got != tt.want {
			t.Errorf("outcome of %s, exit %d, target %q = %s; want %s", tt.result, tt.exit, tt.state, got, tt.want)
		}
	}
	if got := outcomeOf(nil); got != Killed {
		t.Errorf("outcome without a verdict = %s; want %s", got, Killed)
	}
}

func TestParseLine(t *testing.T) {
	for raw, want := range map[string]string{
		"2026-11-29T12:00:00.250Z < text":               "12:00:00.250 < text",
		"2026-11-29T12:00:00.250Z > ":                   "12:00:00.250 > ",
		"2026-11-29T12:00:00.250Z >":                    "12:00:00.250 > ",
		"2026-11-29T12:00:00.250Z # power on":           "12:00:00.250 # power on",
		"2026-11-29T12:00:00.250Z aux < a < b":          "12:00:00.250 aux < a < b",
		"2026-11-29T12:00:00.250Z [2 my board] aux > x": "12:00:00.250 [2 my board] aux > x",
		"2026-11-29T12:00:00.250Z < \x1b[0m\xff":        `12:00:00.250 < \x1b[0m\xff`,
		"2026-11-29T12:00:00.250Z no direction":         "",
		"2026-13-29T12:00:00.250Z < text":               "",
		"2026-11-29T12:00:00.250Z":                      "",
		"text":                                          "",
		"":                                              "",
	} {
		got := ""
		if l, ok := parseLine(raw); ok {
			got = l.shown()
		}
		if got != want {
			t.Errorf("parseLine(%q) = %q; want %q", raw, got, want)
		}
	}
}

// at returns the time of a test, so many milliseconds after noon, as an event and as a transcript has it.
func at(ms int) time.Time {
	return time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC).Add(time.Duration(ms) * time.Millisecond)
}

// TestConsoleOfSteps holds that each line of the console is in the step that was the last to begin before it, of
// the flash that the line names.
func TestConsoleOfSteps(t *testing.T) {
	event := func(ms int, kind engine.EventType, run, attempt int, step string) string {
		raw := fmt.Sprintf(`{"time":%q,"type":%q,"run":%d,"attempt":%d,"step":%q}`, at(ms).Add(900*time.Microsecond).Format(time.RFC3339Nano), kind, run, attempt, step)
		return raw + "\n"
	}
	flash := func(run, from int) string {
		return event(from, "attempt", run, 1, "") + event(from+10, "step", run, 1, "uboot") + event(from+20, "step-end", run, 1, "uboot") +
			event(from+30, "step", run, 1, "write") + event(from+40, "step", run, 1, "verify") + event(from+50, "step-end", run, 1, "verify") +
			event(from+60, "step-end", run, 1, "write") + event(from+70, "attempt-end", run, 1, "") + event(from+80, "end", run, 1, "")
	}
	line := func(ms int, text string) string { return at(ms).Format(stamp) + " " + text + "\n" }
	for _, tt := range []struct {
		name, events, console string
		want                  []string // step: lines
	}{
		{
			"a board", flash(0, 100),
			line(50, "< before") + line(100, "# power") + line(110, "< banner") + line(120, "< between") + line(130, "> dd") + line(145, "< reading") + line(150, "< more") + line(200, "# off"),
			[]string{
				"before, between and after the attempts: before off", "between the steps: power between", "uboot: banner", "write: dd more", "verify: reading",
			},
		},
		{
			"flashes one after the other", flash(1, 100) + flash(2, 300),
			line(112, "< one") + line(250, "< the program") + line(312, "< two"),
			[]string{"before, between and after the attempts: program", "1 uboot: one", "2 uboot: two"},
		},
		{
			"flashes at the same time", flash(1, 100) + flash(2, 101),
			line(112, "[1 sim] < one") + line(112, "[2 sim] < two") + line(113, "[9 sim] < nine") + line(114, "< own"),
			[]string{"before, between and after the attempts: nine own", "1 uboot: one", "2 uboot: two"},
		},
		{"no events", "", line(1, "< one") + "two\n", []string{"before, between and after the attempts: one two"}},
	} {
		r, err := Read(directory(t, map[string]string{EventsName: tt.events, TranscriptName: tt.console}))
		if err != nil {
			t.Fatal(err)
		}
		lines, owners := map[int]*timeline{}, map[int][]owner{}
		for _, n := range []int{0, 1, 2} {
			if n == 0 || strings.Contains(tt.events, fmt.Sprintf(`"run":%d`, n)) {
				lines[n], owners[n] = timelineOf(r.runs[0].events, n)
			}
		}
		if err := r.runs[0].consoles(&chunks{}, 1<<20, lines, owners); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, n := range []int{0, 1, 2} {
			if lines[n] == nil {
				continue
			}
			for _, s := range lines[n].steps() {
				if s.console == nil {
					continue
				}
				text := ""
				for l := range strings.Lines(s.console.Plain) {
					words := strings.Fields(l)
					text += " " + words[len(words)-1]
				}
				prefix := ""
				if n > 0 {
					prefix = fmt.Sprint(n, " ")
				}
				got = append(got, prefix+s.name+":"+text)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: console\n%s\nwant\n%s", tt.name, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
		}
	}
}

// TestDamage holds that each damage of the artefacts is named, and that none makes a success of a run.
func TestDamage(t *testing.T) {
	good := `{"result":"verified","exit":0,"board":"b","attempts":[],"target":{"state":"verified"}}`
	event := `{"time":"2026-11-29T12:00:00Z","type":"attempt","attempt":1}` + "\n"
	line := "2026-11-29T12:00:00.000Z < text\n"
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string // a remark
		ok    bool   // the run is a success
	}{
		{"whole", map[string]string{VerdictName: good, EventsName: event, TranscriptName: line}, "", true},
		{"no events", map[string]string{VerdictName: good, TranscriptName: line}, "events.jsonl is missing: the report has no timeline and no rates", true},
		{"no transcript", map[string]string{VerdictName: good, EventsName: event}, "transcript.log is missing: the console is not shown", true},
		{"no verdict", map[string]string{EventsName: event, TranscriptName: line}, "verdict.json is missing", false},
		{"empty verdict", map[string]string{VerdictName: ""}, "verdict.json is damaged: unexpected end of JSON input", false},
		{"half a verdict", map[string]string{VerdictName: good[:30]}, "verdict.json is damaged", false},
		{"a verdict without a result", map[string]string{VerdictName: "{}"}, "verdict.json is damaged: it has no result", false},
		{"a list", map[string]string{VerdictName: "[]"}, "verdict.json is damaged", false},
		{"a wrong type", map[string]string{VerdictName: strings.Replace(good, `"exit":0`, `"exit":"0"`, 1)}, "verdict.json is damaged: it has no exit code", false},
		{"no state", map[string]string{VerdictName: `{"result":"verified","exit":0}`}, "", false},
		{"fields of other types", map[string]string{VerdictName: strings.Replace(good, "{", `{"variant":{"name":"x"},"stopped":5,"check":"x","warnings":null,`, 1)}, "", true},
		{"half an event", map[string]string{VerdictName: good, EventsName: event + event[:20]}, "events.jsonl:2: the last line is incomplete", true},
		{"no event", map[string]string{VerdictName: good, EventsName: "x\n{}\n" + event}, "events.jsonl:2: the line is no event", true},
		{"many bad events", map[string]string{VerdictName: good, EventsName: strings.Repeat("x\n", 9)}, "events.jsonl: 4 more lines are damaged", true},
		{"half a line", map[string]string{VerdictName: good, TranscriptName: line + line[:20]}, "transcript.log:2: the last line is incomplete", true},
		{"a long line", map[string]string{VerdictName: good, TranscriptName: line + strings.Repeat("x", 1<<20)}, "transcript.log:2: the last line is incomplete", true},
		{"a bad line of the older part", map[string]string{VerdictName: good, TranscriptName + ".1": "x\n", TranscriptName: line}, "transcript.log.1:1: the line is no line of a transcript", true},
	} {
		r, err := Read(directory(t, tt.files))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		page := render(t, r, "html")
		if !strings.Contains(page, tt.want) {
			t.Errorf("%s: the page lacks %q", tt.name, tt.want)
		}
		junit := render(t, r, "junit")
		if got := strings.Contains(junit, `failures="0" errors="0" skipped="0"`) && strings.Contains(page, `badge success`); got != tt.ok {
			t.Errorf("%s: success is %v; want %v: %s", tt.name, got, tt.ok, junit)
		}
	}
}

// hostile is text of a board that would change each of the formats.
const hostile = "</script><script>alert(1)</script>]]>--><img src=x onerror=alert(2)>\x1b[2J\x00\xff\u202e|`*_[x](http://y) &amp; @all\n::error::no\n##[error]no\r\n</pre></details>\n\n# heading"

// hostileRun returns the artefacts of a failed run in which every text is hostile.
func hostileRun(t *testing.T) string {
	v := &engine.Report{
		Result: engine.ResultFailed, Mode: hostile, Exit: 4, Class: hostile, Rule: hostile, Kind: hostile, Error: hostile, Chain: []string{hostile, hostile}, Hint: hostile, StopReason: hostile,
		Step: hostile, Attempt: 1, Attempts: []*engine.Attempt{{Number: 1, Error: hostile, Kind: hostile, Class: hostile, Rule: hostile, Wait: hostile}, {Error: hostile}}, Secondary: []string{hostile},
		Console: []string{hostile, ""}, Detail: hostile, Warnings: []string{hostile}, Board: hostile, Variant: hostile, Port: hostile, PolicySHA256: hostile, Args: engine.Arguments{hostile: hostile},
		Image: engine.ImageReport{Path: hostile, SHA256: hostile}, Target: engine.TargetReport{Name: hostile, Device: hostile, State: hostile}, Returned: hostile,
		Check: &engine.CheckReport{Result: hostile, Error: hostile, Kind: hostile}, Lost: []engine.Loss{{Output: hostile}},
	}
	v.Runs = []*engine.Report{{Run: 1, Result: hostile, Board: hostile, Error: hostile}, nil}
	raw, err := v.MarshalIndent()
	if err != nil {
		t.Fatal(err)
	}
	var events strings.Builder
	for i, kind := range []engine.EventType{"plan", "attempt", "step", "note", "progress", "output", "unknown", "power", "step-end", "attempt-end", "cleanup", hostile, "end"} {
		fmt.Fprintf(&events, `{"time":%q,"type":%q,"attempt":1,"step":%q,"text":%[3]q,"error":%[3]q,"kind":%[3]q,"class":%[3]q,"rule":%[3]q,"output":%[3]q}`+"\n",
			at(i*100).Format(time.RFC3339Nano), kind, strings.ToValidUTF8(strings.NewReplacer("\x1b", "", "\x00", "").Replace(hostile), ""))
	}
	console := at(150).Format(stamp) + " < " + hostile + "\n" + strings.Repeat(at(250).Format(stamp)+" [1 <b>] < "+strings.ReplaceAll(hostile, "\n", "")+"\n", 3000)
	return directory(t, map[string]string{VerdictName: string(raw), EventsName: events.String(), TranscriptName: console})
}

// TestHostileText holds that no text of a board is markup in a page, in XML or in markdown, or a command of
// GitHub.
func TestHostileText(t *testing.T) {
	r, err := Read(hostileRun(t))
	if err != nil {
		t.Fatal(err)
	}
	page := render(t, r, "html")
	for _, bad := range []string{"<img", "<script>alert", "alert(1)</script>", "\x00", "\x1b", "\xff", "\u202e", "<b>]"} {
		if i := strings.Index(page, bad); i >= 0 {
			t.Errorf("the page has %q: %.200q", bad, page[max(0, i-100):])
		}
	}
	if got, want := strings.Count(page, "<script"), strings.Count(page, "</script>"); got != want || !strings.Contains(page, `<script type="text/plain" id="chunk-0">`) {
		t.Errorf("the page has %d elements of scripts and %d ends", got, want)
	}

	junit := render(t, r, "junit")
	for dec := xml.NewDecoder(strings.NewReader(junit)); ; {
		token, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("JUnit: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok && !slices.Contains([]string{"testsuites", "testsuite", "properties", "property", "testcase", "failure"}, e.Name.Local) {
			t.Errorf("JUnit has the element %s", e.Name.Local)
		}
	}

	markup := regexp.MustCompile(`</?(\w+)`)
	for _, m := range markup.FindAllStringSubmatch(render(t, r, "markdown"), -1) {
		if !slices.Contains([]string{"details", "summary", "pre", "code"}, m[1]) {
			t.Errorf("markdown has %s", m[0])
		}
	}
	if text := render(t, r, "markdown"); regexp.MustCompile(`(?m)^ *# `).MatchString(text) || strings.Contains(text, "@all") {
		t.Errorf("markdown has a heading or a mention of the board:\n%s", text)
	}

	stopped := ""
	for line := range strings.Lines(render(t, r, "github")) {
		line = strings.TrimSuffix(line, "\n")
		if token, ok := strings.CutPrefix(line, "::stop-commands::"); ok && stopped == "" {
			stopped = token
		} else if stopped != "" && line == "::"+stopped+"::" {
			stopped = ""
		} else if stopped == "" && !regexp.MustCompile(`^::(error|warning|notice|group|endgroup)( [^:]*)?::`).MatchString(line) || strings.Contains(line, "\r") {
			t.Errorf("GitHub reads the line %q", line)
		}
	}
	if stopped != "" {
		t.Error("the commands of GitHub stay stopped")
	}
}

// TestGitHubToken holds that the board cannot write the token that lets commands be executed again.
func TestGitHubToken(t *testing.T) {
	var first, second strings.Builder
	gitHubGroup(&first, "x", []string{"a"})
	token := regexp.MustCompile(`stop-commands::(.*)`).FindStringSubmatch(first.String())[1]
	gitHubGroup(&second, "x", []string{"::" + token + "::"})
	if strings.Contains(second.String(), "stop-commands::"+token) {
		t.Errorf("lines with the token of other lines have the same token:\n%s", second.String())
	}
}

// TestJUnitSchema validates JUnit XML of every kind of run by the schema of Jenkins.
func TestJUnitSchema(t *testing.T) {
	schema := "../../build/junit/jenkins-junit.xsd"
	xmllint, err := exec.LookPath("xmllint")
	if _, missing := os.Stat(schema); err != nil || missing != nil {
		t.Skip("LEFT OUT: JUnit XML by the schema of Jenkins, xmllint or the schema is missing: testdata/tools.sh fetches both")
	}
	verified := &engine.Report{Result: engine.ResultVerified, Target: engine.TargetReport{State: engine.Verified}, Duration: time.Second, Attempts: []*engine.Attempt{{Number: 1, Error: "x"}, {}}}
	refused := engine.RefusedReport(errors.New("refused"))
	skipped := engine.RefusedReport(errors.New("skipped"))
	skipped.Result = engine.ResultSkipped
	program := &engine.Report{Result: engine.ResultFailed, Exit: 3, Mode: engine.ModeProgram, Runs: []*engine.Report{verified, refused, skipped}}
	var made []lab.Result
	for _, v := range []*engine.Report{verified, refused, skipped, program, {Result: engine.ResultPlanned}} {
		made = append(made, lab.Result{Report: v})
	}
	read, err := Read(hostileRun(t), directory(t, map[string]string{EventsName: ""}))
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*Report{"made": NewFleet(made, lab.Summarize(made, time.Time{}, 0)), "one": New(verified), "no station": NewFleet(nil, &lab.Summary{Exit: 2, Error: "no station"}), "read": read, "empty": {}} {
		cmd := exec.Command(xmllint, "--nonet", "--noout", "--schema", schema, "-")
		cmd.Stdin = strings.NewReader(render(t, r, "junit"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

// TestLongConsole holds that a long console is compressed in parts, that its last lines are readable without them,
// and that of a console beyond the limit the last part is shown.
func TestLongConsole(t *testing.T) {
	var console bytes.Buffer
	for i := range 20000 {
		fmt.Fprintf(&console, "%s < line %d of the console\n", at(i).Format(stamp), i)
	}
	r, err := Read(directory(t, map[string]string{TranscriptName + ".1": console.String(), TranscriptName: console.String()}))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		budget        int64
		lines, chunks int
		remark        string
	}{
		{1 << 30, 40000, 7, ""},
		{int64(console.Len()), 20000, 4, "the console has 2.0 MiB, and the page has the last 1.0 MiB of it"},
		{100, 1, 0, "the console has 2.0 MiB, and the page has the last 100 B of it"},
	} {
		one := *r.runs[0]
		line, _ := timelineOf(nil, 0)
		c := &chunks{}
		if err := one.consoles(c, tt.budget, map[int]*timeline{0: line}, nil); err != nil {
			t.Fatal(err)
		}
		s := line.around.console
		if s.Lines != tt.lines || len(s.Chunks) != tt.chunks || len(c.all) != tt.chunks || !strings.HasSuffix(s.Plain, "line 19999 of the console\n") {
			t.Errorf("budget %d: %d lines, %d chunks, plain %q; want %d, %d and the last line", tt.budget, s.Lines, len(s.Chunks), s.Plain, tt.lines, tt.chunks)
		}
		if remark := strings.Join(one.remarks, "\n"); !strings.Contains(remark, tt.remark) {
			t.Errorf("budget %d: remarks %q; want %q", tt.budget, remark, tt.remark)
		}
	}
}

// TestFingerprints holds that findings with the same text differ, and that a line before them changes none.
func TestFingerprints(t *testing.T) {
	fingerprints := func(all ...Finding) []string {
		var b strings.Builder
		if err := WriteGitLabFindings(&b, all); err != nil {
			t.Fatal(err)
		}
		return regexp.MustCompile(`"fingerprint": "(\w+)"`).FindAllString(b.String(), -1)
	}
	a, b := Finding{File: "./x.lua", Line: 1, Message: "m", Rule: "r"}, Finding{File: "x.lua", Line: 2, Message: "m", Rule: "r"}
	first := fingerprints(a, b)
	if len(first) != 2 || first[0] == first[1] {
		t.Errorf("fingerprints of two findings with one text: %v; want two that differ", first)
	}
	a.Line, b.Line = 11, 12
	if later := fingerprints(a, b); !slices.Equal(first, later) {
		t.Errorf("fingerprints after ten more lines: %v; want %v", later, first)
	}
}

// TestPathsOfOneStation holds that runs with the same name have different titles.
func TestPathsOfOneStation(t *testing.T) {
	text := `{"result":"verified","exit":0,"board":"b","station":"bench","target":{"state":"verified"}}`
	dir := directory(t, map[string]string{"one/verdict.json": text, "two/verdict.json": text})
	r, err := Read(filepath.Join(dir, "one"), filepath.Join(dir, "two"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.runs[1].title(), "bench ("+dir+"/two)"; got != want {
		t.Errorf("title of the second run: %s; want %s", got, want)
	}
}

// TestCommandOfStations holds that a command on several stations that failed is no success in a report, although
// each of its stations succeeded, and that a failure of a station is reported once.
func TestCommandOfStations(t *testing.T) {
	station := func(name string, exit engine.ExitCode) lab.Result {
		rep := &engine.Report{Result: engine.ResultVerified, Board: name, Exit: exit, Target: engine.TargetReport{State: engine.Verified}, Attempts: []*engine.Attempt{}}
		return lab.Result{Station: lab.Station{Name: name}, Report: rep}
	}
	good := []lab.Result{station("a", 0), station("b", 0)}
	bad := []lab.Result{station("a", 0), station("b", 6)}
	for _, tt := range []struct {
		name     string
		stations []lab.Result
		exit     engine.ExitCode
		failed   string // what does not count as a success
	}{
		{"all verified", good, 0, ""},
		{"summary not written", good, engine.ExitOutput, "all stations"},
		{"interrupted after the last one", good, engine.ExitSignal + 2, "all stations"},
		{"one failed", bad, engine.ExitOutput, "b"},
		{"no station", nil, engine.ExitPlan, "no station was started"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			summary := lab.Summarize(tt.stations, time.Time{}, 0)
			if summary.Exit = tt.exit; len(tt.stations) == 0 {
				summary.Error = "no station has the tag"
			}
			dir := t.TempDir()
			write := func(name string, v interface{ MarshalIndent() ([]byte, error) }) {
				text, err := v.MarshalIndent()
				path := filepath.Join(dir, name)
				if err := errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			write(SummaryName, summary)
			for _, x := range tt.stations {
				write(filepath.Join(x.Station.Name, VerdictName), x.Report)
			}
			read, err := Read(dir)
			if err != nil {
				t.Fatal(err)
			}
			for name, r := range map[string]*Report{"NewFleet": NewFleet(tt.stations, summary), "Read": read} {
				junit, markdown := render(t, r, "junit"), render(t, r, "markdown")
				if bad := strings.Count(junit, "<failure") + strings.Count(junit, "<error"); bad != min(1, len(tt.failed)) {
					t.Errorf("%s: JUnit has %d failures; want %d:\n%s", name, bad, min(1, len(tt.failed)), junit)
				}
				if tt.failed != "" && !strings.Contains(markdown, "#### "+tt.failed) {
					t.Errorf("%s: markdown = %s; want the failure of %s", name, markdown, tt.failed)
				}
				if page := render(t, r, "html"); tt.failed != "" && !strings.Contains(page, tt.failed) {
					t.Errorf("%s: the page lacks %q", name, tt.failed)
				}
			}
		})
	}
}
