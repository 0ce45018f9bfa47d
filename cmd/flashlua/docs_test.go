package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/lab"
)

const boardsDoc = "../../docs/boards.md"

// inspect loads a script of the given text.
func inspect(t *testing.T, lua string) *bindings.Script {
	t.Helper()
	path := filepath.Join(t.TempDir(), "board.lua")
	if err := os.WriteFile(path, []byte(lua), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := bindings.Inspect(path, bindings.Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, lua)
	}
	return s
}

func doc(t *testing.T) string {
	text, err := os.ReadFile(boardsDoc)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestEveryPolicyKeyIsDocumented holds that docs/boards.md has exactly the decoder's keys, with their defaults.
func TestEveryPolicyKeyIsDocumented(t *testing.T) {
	_, table, _ := strings.Cut(doc(t), "## The keys")
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| [a-z ]+ \\| (.*?) ?\\|").FindAllStringSubmatch(table, -1) {
		documented[row[1]] = row[2]
	}
	known := map[string]bool{}
	for _, target := range []string{`"/dev/x"`, `{ sysfs = "1" }`} {
		s := inspect(t, "return { flash = function() end, files = { NAME = { 'x', 1, append = 'y', uimage = { arch = 'arm' } } }, targets = { NAME = "+target+" }, args = { NAME = { default = 'x', one_of = { 'x' } } }, uboot = { env = { NAME = 'x' } }, outputs = { NAME = {} }, variants = { a = {} } }")
		for _, x := range s.Settings {
			known[x.Key] = true
			text, ok := documented[x.Key]
			if !ok {
				t.Errorf("%s is not documented", x.Key)
			}
			if code := "`" + luaLiteral(x.Value) + "`"; strings.HasPrefix(text, "`") && text != code {
				t.Errorf("docs/boards.md: default of %s = %s; want %s", x.Key, text, code)
			}
		}
		for name := range s.Overrides {
			known[name] = true
			if _, ok := documented[name]; !ok {
				t.Errorf("%s is not documented", name)
			}
		}
	}
	for key := range documented {
		if !known[key] {
			t.Errorf("%s is documented but is no policy key", key)
		}
	}
}

// TestEveryDefaultIsAccepted holds that each default of docs/boards.md can be written in a policy and be set by the
// operator, and that it is the default.
func TestEveryDefaultIsAccepted(t *testing.T) {
	_, table, _ := strings.Cut(doc(t), "## The keys")
	const base, rest = "return { flash = function() end, files = { NAME = { 'x', 1 } }, args = { NAME = { help = 'x' } }, outputs = { NAME = {} }, ", "targets = { NAME = { sysfs = '1' } } }"
	tried := 0
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| [a-z ]+ \\| `(.*?)` \\|").FindAllStringSubmatch(table, -1) {
		key, value := row[1], row[2]
		if key == "flash" { // the default is a module's function
			continue
		}
		tried++
		written := value
		for names := strings.Split(key, "."); len(names) > 0; names = names[:len(names)-1] {
			written = names[len(names)-1] + " = " + written
			if len(names) > 1 {
				written = "{ " + written + " }"
			}
		}
		if top, _, _ := strings.Cut(key, "."); top == "targets" {
			written = strings.Replace(written, "NAME = {", "NAME = { sysfs = '1',", 1)
			written = strings.TrimSuffix(base+written, ", ") + " }"
		} else {
			written = base + written + ", " + rest
		}
		values := map[string]any{}
		for _, s := range inspect(t, written).Settings {
			values[s.Key] = s.Value
		}
		if got := luaLiteral(values[key]); got != value {
			t.Errorf("the policy with %s = %s has %s; want the same", key, value, got)
		}
		s, err := bindings.InspectText("x.lua", base+rest, bindings.Options{Set: map[string]string{key: strings.Trim(value, `"`)}})
		if err != nil {
			t.Errorf("--set %s=%s: %v; want nil", key, strings.Trim(value, `"`), err)
			continue
		}
		for _, x := range s.Settings {
			if got := luaLiteral(x.Value); x.Key == key && got != value {
				t.Errorf("--set %s=%s = %s; want the same", key, strings.Trim(value, `"`), got)
			}
		}
	}
	if tried < 40 {
		t.Errorf("docs/boards.md has %d defaults; want at least 40", tried)
	}
}

func TestEveryBoardIsDocumented(t *testing.T) {
	for _, name := range bindings.Boards() {
		p, err := bindings.Load(name, bindings.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if row := fmt.Sprintf("| `%s` | %s | %s |\n", name, p.Description, tested(p.Tested)); !strings.Contains(doc(t), row) {
			t.Errorf("docs/boards.md lacks\n%s", row)
		}
	}
}

func TestTheExamplesOfTheDocumentationLoad(t *testing.T) {
	blocks := strings.Split(doc(t), "```lua\n")[1:]
	for _, b := range blocks {
		lua, _, _ := strings.Cut(b, "```")
		inspect(t, lua)
	}
	if len(blocks) < 3 {
		t.Errorf("only %d examples", len(blocks))
	}
}

// TestOutputsAreDocumented holds that docs/outputs.md has exactly the fields of the verdict and of the events.
func TestOutputsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/outputs.md")
	if err != nil {
		t.Fatal(err)
	}
	verdict, events, _ := strings.Cut(string(text), "## The events")
	events, summary, _ := strings.Cut(events, "## The summary")
	summary, _, _ = strings.Cut(summary, "## The results") // TestFieldsAreDocumented of engine/results
	for _, x := range []struct {
		of   any
		part string
	}{{engine.Report{}, verdict}, {engine.Attempt{}, verdict}, {engine.ImageReport{}, verdict}, {engine.TargetReport{}, verdict}, {engine.PartReport{}, verdict}, {engine.CheckReport{}, verdict}, {engine.Event{}, events}, {lab.Summary{}, summary}, {lab.Counts{}, summary}, {lab.StationSummary{}, summary}} {
		for field := range fields(x.of) {
			if !strings.Contains(x.part, "`"+field+"`") {
				t.Errorf("%s of %T is not documented", field, x.of)
			}
		}
	}
	for field, values := range map[string][]string{
		"result": {string(engine.ResultVerified), string(engine.ResultFailed), string(engine.ResultPlanned), string(engine.ResultReached), string(engine.ResultDone)},
		"mode": {
			string(engine.ModeFlash), string(engine.ModeVerify), string(engine.ModeDryRun), string(engine.ModeProgram), string(engine.ModeWrite),
			string(engine.ModeConsole),
		},
		"class": {classify.Retry.String(), classify.Fatal.String()},
		"rule": {
			string(classify.RuleInternal), string(classify.RuleLimit), string(classify.RuleRunCancelled), string(classify.RulePolicy),
			string(classify.RuleFatal), string(classify.RuleRetry), string(classify.RuleCancelled), string(classify.RuleUnknown),
		},
	} {
		row := regexp.MustCompile("(?m)^\\| `" + field + "` \\|.*$").FindString(verdict)
		for _, value := range values {
			if !strings.Contains(row, "`"+value+"`") {
				t.Errorf("%s of %s is not documented", value, field)
			}
		}
	}
	of := fields(engine.Report{})
	maps.Copy(of, fields(engine.TargetReport{}))
	maps.Copy(of, fields(engine.CheckReport{}))
	for _, row := range documentedRows(verdict) {
		if !of[row] {
			t.Errorf("%s is documented but is no field of the verdict", row)
		}
	}
	of = fields(lab.Summary{})
	maps.Copy(of, fields(lab.Counts{}))
	maps.Copy(of, fields(lab.StationSummary{}))
	for _, row := range documentedRows(summary) {
		if !of[row] {
			t.Errorf("%s is documented but is no field of the summary", row)
		}
	}
	source, err := os.ReadFile("../../engine/event.go")
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]bool{}
	for _, c := range regexp.MustCompile(`(?m)^\tEvent\w+ +EventType += "(.*)"$`).FindAllStringSubmatch(string(source), -1) {
		types[c[1]] = true
	}
	ofTypes, ofFields, _ := strings.Cut(events, "| field |")
	of = fields(engine.Event{})
	for _, row := range documentedRows(ofFields) {
		if !of[row] {
			t.Errorf("%s is documented but is no field of an event", row)
		}
	}
	for _, row := range documentedRows(ofTypes) {
		if !types[row] {
			t.Errorf("%s is documented but is no event", row)
		}
		delete(types, row)
	}
	for name := range types {
		t.Errorf("the event %s is not documented", name)
	}
}

// fields returns the JSON names of a struct.
func fields(of any) map[string]bool {
	names := map[string]bool{}
	for _, f := range reflect.VisibleFields(reflect.TypeOf(of)) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			names[name] = true
		}
	}
	return names
}

// documentedRows returns the first column of a table.
func documentedRows(table string) (rows []string) {
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(table, -1) {
		rows = append(rows, row[1])
	}
	return rows
}

// TestEveryExampleIsDocumented holds the table of examples in docs/policies.md to the files.
func TestEveryExampleIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n## Examples\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var documented, files []string
	for _, m := range regexp.MustCompile("`(\\w+\\.lua)`").FindAllStringSubmatch(table, -1) {
		documented = append(documented, m[1])
	}
	paths, err := filepath.Glob("../../scripts/examples/*.lua")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		files = append(files, filepath.Base(path))
	}
	slices.Sort(documented)
	if !slices.Equal(documented, files) {
		t.Errorf("the examples in docs/policies.md are %q; want %q", documented, files)
	}
}
