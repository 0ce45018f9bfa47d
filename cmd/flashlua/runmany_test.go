package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/lab"
)

// testLab is a lab of simulated boards, by the names of the stations.
type testLab map[string]lab.Station

// lua returns the lab file.
func (l testLab) lua() string {
	var b strings.Builder
	b.WriteString("return { defaults = { retries = 0 }, stations = {\n")
	for _, name := range slices.Sorted(maps.Keys(l)) {
		s := l[name]
		fmt.Fprintf(&b, "\t[%q] = { board = %q, port = %q", name, s.Board, s.Port)
		if s.Off != "" {
			fmt.Fprintf(&b, ", off = %q", s.Off)
		}
		if len(s.Tags) > 0 {
			fmt.Fprintf(&b, ", tags = { %q }", s.Tags[0])
		}
		if len(s.Set) > 0 {
			b.WriteString(", set = {")
			for _, key := range slices.Sorted(maps.Keys(s.Set)) {
				fmt.Fprintf(&b, " [%q] = %q,", key, s.Set[key])
			}
			b.WriteString(" }")
		}
		b.WriteString(" },\n")
	}
	return b.String() + "} }\n"
}

// newTestLab returns a lab whose stations a, b, … are simulated boards with these settings.
func newTestLab(settings ...string) testLab {
	l := testLab{}
	for i, x := range settings {
		name := string(rune('a' + i))
		l[name] = lab.Station{Name: name, Board: "sim", Port: "sim:" + x}
	}
	return l
}

// manyEnv is the environment of a command on a lab, in a directory with an image x.raw.
type manyEnv struct {
	Env
	dir      string
	out, err *strings.Builder
	signals  chan os.Signal
}

func newManyEnv(t *testing.T, l testLab) *manyEnv {
	m := &manyEnv{dir: t.TempDir(), out: &strings.Builder{}, err: &strings.Builder{}, signals: make(chan os.Signal, 1)}
	m.write(t, "x.raw", "imag\x00")
	m.Env = Env{
		Stdout: m.out, Stderr: m.err, Terminal: func(io.Writer) int { return 0 },
		Signals: func() (<-chan os.Signal, func()) { return m.signals, func() {} },
		Exit:    func(code int) { t.Errorf("exit %d at once", code) },
	}
	m.Getenv = func(name string) string {
		if name == labVariable && l != nil {
			return m.path("lab.lua")
		}
		return ""
	}
	m.write(t, "lab.lua", l.lua())
	return m
}

func (m *manyEnv) path(name string) string { return filepath.Join(m.dir, name) }

func (m *manyEnv) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(m.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// flash runs `flashlua run` with the image and --out, and returns the exit code and the standard output and error.
func (m *manyEnv) flash(args ...string) (code int, out, errs string) {
	m.out.Reset()
	m.err.Reset()
	m.Args = append([]string{"flashlua", "run", "--image", m.path("x.raw"), "--out", m.path("out")}, args...)
	code = m.run()
	return code, m.out.String(), m.err.String()
}

// summary returns the summary, and "STATION RESULT" of each station in it.
func (m *manyEnv) summary(t *testing.T) (s lab.Summary, results string) {
	t.Helper()
	raw, err := os.ReadFile(m.path("out/summary.json"))
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, x := range s.Stations {
		text := x.Station + " " + string(x.Result)
		if x.Resumed {
			text += " before"
		}
		all = append(all, text)
	}
	return s, strings.Join(all, ", ")
}

// verdict returns the verdict of a station, nil if there is none.
func (m *manyEnv) verdict(t *testing.T, station string) *engine.Report {
	t.Helper()
	raw, err := os.ReadFile(m.path("out/" + station + "/verdict.json"))
	if os.IsNotExist(err) {
		return nil
	}
	var r engine.Report
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &r
}

func TestRunMany(t *testing.T) {
	for _, tt := range []struct {
		name    string
		lab     testLab
		args    string
		code    int
		results string
		stdout  string // it begins so
		stderr  string // is in it
	}{
		{"all verified", newTestLab("", "", ""), "a b c", 0, "a verified, b verified, c verified", "verified: 3 of 3 stations in ", "b: attempt 1\n"},
		{"one", newTestLab("", ""), "b -j 1", 0, "b verified", "verified: 1 of 1 stations in ", "b: plan: "},
		{"one fails", newTestLab("", "block=9", ""), "a b c", 4, "a verified, b failed, c verified", "", "failed: 2 of 3 stations verified, 1 failed in "},
		{"canary fails", newTestLab("block=9", "", ""), "a b c --canary 1", 4, "a failed, b skipped, c skipped", "", "1 of the first 1 failed, and the others start only if all of these are verified"},
		{"stop after one", newTestLab("", "block=9", ""), "a b c -j 1 --stop-after 1", 4, "a verified, b failed, c skipped", "", "c: the station was not started: the limit of failures is reached, 1 of 1\n"},
		{"a dry run", newTestLab("", ""), "a b --dry-run", 0, "a planned, b planned", "planned: 2 stations; nothing was touched\n", ""},
		{"a plan that cannot work", newTestLab("", "nosuch=1", ""), "a b c", 2, "a skipped, b failed, c skipped", "", "Error: station b\nCaused by: "},
		{"the same port twice", testLab{
			"a": {Name: "a", Board: "sim", Port: "tcp:127.0.0.1:9", Power: "none"}, "b": {Name: "b", Board: "sim", Port: "tcp:127.0.0.1:9", Power: "none"},
		}, "a b", 2, "a failed, b failed", "", "port has the same console as port of station a"},
		{"twice", newTestLab(""), "a a", 2, "", "", "station a is chosen twice"},
		{"no directory", testLab{"summary.json": {Name: "summary.json", Board: "sim", Port: "sim:"}}, "summary.json -j 1", 2, "", "", `the name of station "summary.json" is no name of a directory`},
		{"out of use", testLab{"a": {Name: "a", Board: "sim", Port: "sim:", Off: "no cable"}}, "a -j 1", 2, "a failed", "", "the station is out of use: no cable"},
		{"no number of stations", newTestLab(""), "a -j 0", 2, "", "", "--jobs must be 1 or more, not 0"},
		{"one file for all", newTestLab(""), "a -j 1 --verdict v.json", 2, "", "", "--verdict is one file, and there are several stations: use --out DIR"},
		{"quiet", newTestLab("", ""), "a b -q", 0, "a verified, b verified", "verified: 2 of 2 stations in ", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newManyEnv(t, tt.lab)
			code, stdout, stderr := m.flash(strings.Fields(tt.args)...)
			s, results := m.summary(t)
			if code != tt.code || int(s.Exit) != tt.code || results != tt.results {
				t.Errorf("exit %d, in the summary %d, results %q; want exit %d, %q\n%s", code, s.Exit, results, tt.code, tt.results, stderr)
			}
			if !strings.HasPrefix(stdout, tt.stdout) || tt.stdout == "" && stdout != "" {
				t.Errorf("standard output %q; want %q…", stdout, tt.stdout)
			}
			if !strings.Contains(stderr, tt.stderr) || tt.name == "quiet" && stderr != "" {
				t.Errorf("standard error\n%s; want %q in it", stderr, tt.stderr)
			}
			for _, x := range s.Stations {
				v := m.verdict(t, x.Station)
				if v == nil || v.Result != x.Result || v.Exit != x.Exit || v.Kind != x.Kind || v.Attempt != x.Attempts {
					t.Errorf("verdict of %s: %+v; want as in the summary, %+v", x.Station, v, x)
				}
				events, err := os.ReadFile(m.path("out/" + x.Station + "/events.jsonl"))
				if lines := strings.Split(strings.TrimSpace(string(events)), "\n"); err != nil || !strings.Contains(lines[len(lines)-1], `"type":"end"`) {
					t.Errorf("the events of %s end with %s, %v; want an event of type end", x.Station, lines[len(lines)-1], err)
				}
			}
		})
	}
}

// TestResume holds which stations are flashed again.
func TestResume(t *testing.T) {
	m := newManyEnv(t, newTestLab("", "block=9", ""))
	if code, _, stderr := m.flash("a", "b", "c", "--canary", "1"); code != 4 {
		t.Fatalf("exit %d; want 4\n%s", code, stderr)
	}
	before := m.verdict(t, "a")
	resume := func(want string, wantCode int, args ...string) {
		t.Helper()
		code, _, stderr := m.flash(append(args, "--resume")...)
		if _, results := m.summary(t); code != wantCode || results != want {
			t.Errorf("%q --resume: exit %d, %q; want exit %d, %q\n%s", args, code, results, wantCode, want, stderr)
		}
	}
	resume("a verified before, b failed, c verified before", 4, "a", "b", "c")
	if after := m.verdict(t, "a"); after.Target.ReadBack != before.Target.ReadBack {
		t.Errorf("the verdict of a was read back at %s; want the one of the earlier run, %s", after.Target.ReadBack, before.Target.ReadBack)
	}
	resume("a failed, b failed", 2, "a", "b", "--target", "nosuch")
	resume("a verified before, c verified before", 0, "a", "c")

	m.write(t, "x.raw", "another\x00")
	resume("a verified, c verified", 0, "a", "c")
	resume("a verified before, c verified before", 0, "a", "c")

	m.write(t, "out/a/verdict.json", `{ "result": "verified`)
	resume("a verified, c verified before", 0, "a", "c")

	if code, _, stderr := m.flash("a", "c"); code != 0 { // without --resume
		t.Errorf("exit %d; want 0\n%s", code, stderr)
	}
	if _, results := m.summary(t); results != "a verified, c verified" {
		t.Errorf("results %q without --resume; want both flashed", results)
	}
}

// TestManyInterrupted holds that a signal ends the stations under way and that every station has its verdict.
func TestManyInterrupted(t *testing.T) {
	m := newManyEnv(t, newTestLab("silent=linux", "silent=linux", ""))
	under := map[string]bool{}
	stderr := writerFunc(func(p []byte) (int, error) {
		for _, name := range []string{"a", "b"} {
			if strings.Contains(string(p), name+": attempt 1\n") {
				under[name] = true
			}
		}
		if len(under) == 2 {
			under["sent"] = true
			m.signals <- syscall.SIGINT
		}
		return m.err.Write(p)
	})
	m.Stderr = stderr
	code, _, errs := m.flash("a", "b", "c", "-j", "2")
	s, results := m.summary(t)
	if want := "a failed, b failed, c skipped"; code != 130 || results != want || s.Exit != 130 {
		t.Errorf("exit %d, %q; want exit 130, %q\n%s", code, results, want, errs)
	}
	for _, name := range []string{"a", "b", "c"} {
		if v := m.verdict(t, name); v == nil || v.Exit != 130 {
			t.Errorf("verdict of %s: %+v; want exit 130", name, v)
		}
	}
	entries, err := os.ReadDir(m.path("out"))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"a", "b", "c", "summary.json"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("the directory has %v, %v; want %v", names, err, want)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestOneRefusesMany holds that a flag for several stations is refused where there is only a script.
func TestOneRefusesMany(t *testing.T) {
	for _, flag := range []string{"-j=2", "--canary=1", "--stop-after=1", "--resume"} {
		m := newManyEnv(t, nil)
		code, _, stderr := m.flash("sim", "--port", "sim:", flag)
		if want := "is for several stations of a lab"; code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, %s; want exit 2 and %q", flag, code, stderr, want)
		}
	}
}
