package bindings

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/scripts"
)

// call returns Lua code that calls a function with a table of options as its argument. The types of a method's
// object are those that the check infers.
func call(f option.Function, table string) string {
	objects := map[string]string{
		"session": "function board.flash(s, job) s:", "uboot": "function board.flash(s, job) s:uboot():",
		"shell": "function board.flash(s, job) s:shell():", "console": "function board.flash(s, job) serial.open('x'):",
		"sequence": "function board.flash(s, job) require('lib.uboot_busybox').sequence():",
	}
	code := "function board.flash(s, job) " + f.Name
	if kind, method, ok := strings.Cut(f.Name, ":"); ok {
		code = objects[kind] + method
	}
	return code + "(" + strings.Repeat("job, ", f.Arg-1) + table + ", job) job.x:write(job) end"
}

func scriptFS(name, text string) fs.FS { return fstest.MapFS{name: {Data: []byte(text)}} }

// checkText returns the rules and messages of Check's findings in a policy with this code.
func checkText(t *testing.T, code string) string {
	t.Helper()
	findings, err := Check("board.lua", Options{FS: scriptFS("board.lua", board+code+"\nreturn board")})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range findings {
		if f.Rule == "unknown-option" || f.Rule == "bad-option" || f.Rule == "bad-duration" {
			all = append(all, f.Rule+": "+f.Message)
		}
	}
	return strings.Join(all, "; ")
}

// TestCheckKnowsEveryOption calls every function that takes options with an unknown one, with each option that
// it has, and with a wrong value of each.
func TestCheckKnowsEveryOption(t *testing.T) {
	for _, f := range option.Declared() {
		if got, want := checkText(t, call(f, `{ zzz = tostring(job) }`)), "has no option zzz; known are "; !strings.Contains(got, "unknown-option: ") || !strings.Contains(got, want) {
			t.Errorf("Check of %s{ zzz } = %q; want %q", f.Name, got, want)
		}
		var required []string
		for _, o := range f.Options {
			if o.Required {
				required = append(required, o.Name+" = tostring(job), ")
			}
		}
		for _, o := range f.Options {
			if o.Kind == option.Any {
				continue
			}
			others := strings.Join(slices.DeleteFunc(slices.Clone(required), func(s string) bool { return strings.HasPrefix(s, o.Name+" ") }), "")
			if got := checkText(t, call(f, "{ "+others+o.Name+" = tostring(job) }")); got != "" {
				t.Errorf("Check of %s{ %s } = %q; want nothing", f.Name, o.Name, got)
			}
			rule, value := "bad-option: option ", "true"
			switch o.Kind {
			case option.Duration, option.Pause:
				rule, value = "bad-duration: option ", "60"
			case option.Boolean:
				value = "60"
			}
			if got := checkText(t, call(f, "{ "+others+o.Name+" = "+value+" }")); !strings.HasPrefix(got, rule+o.Name+" must be") {
				t.Errorf("Check of %s{ %s = %s } = %q; want %s", f.Name, o.Name, value, got, rule)
			}
		}
	}
}

var (
	stubLine  = regexp.MustCompile(`(?m)^---@field (\w+)(\??) (.*)$`)
	stubClass = regexp.MustCompile(`(?m)^---@class flashlua\.(\w+)[^\n]*\n((?:---[^\n]*\n)*)`)
)

// stubOptions returns the options of a function in the stub, as "name: type" or "name?: type", sorted; nil if it
// has none.
func stubOptions(f option.Function) []string {
	name := regexp.QuoteMeta(f.Name)
	if kind, method, ok := strings.Cut(f.Name, ":"); ok {
		name = kind + "(?:_object)?:" + method
	}
	m := regexp.MustCompile(`((?m:^---.*\n)+)function ` + name + `\(([^)]*)\)`).FindStringSubmatch(scripts.Stub)
	if m == nil {
		return nil
	}
	params := strings.Split(m[2], ", ")
	if f.Arg > len(params) {
		return nil
	}
	p := regexp.MustCompile(`(?m)^---@param ` + params[f.Arg-1] + `\?? (flashlua\.\w+|\{ .* \})`).FindStringSubmatch(m[1])
	if p == nil {
		return nil
	}
	var all []string
	if class, ok := strings.CutPrefix(p[1], "flashlua."); ok {
		for _, c := range stubClass.FindAllStringSubmatch(scripts.Stub, -1) {
			if c[1] == class {
				for _, field := range stubLine.FindAllStringSubmatch(c[2], -1) {
					all = append(all, field[1]+field[2]+": "+stubType(field[3]))
				}
			}
		}
	} else {
		all = splitFields(strings.Trim(p[1], "{} "))
	}
	slices.Sort(all)
	return all
}

// stubType returns the type at the beginning of a field's text; its description follows. A function's parameters
// are left out.
func stubType(text string) string {
	if strings.HasPrefix(text, "fun(") {
		return "function"
	}
	return regexp.MustCompile(`^(?:table<[^>]*>|\S+)`).FindString(text)
}

// splitFields splits "a?: string, b: table<string, string>" at the commas between fields.
func splitFields(text string) (all []string) {
	for len(text) > 0 {
		end := len(text)
		if m := regexp.MustCompile(`, \w+\??: `).FindStringIndex(text); m != nil {
			end = m[0]
		}
		all = append(all, text[:end])
		text = strings.TrimPrefix(text[end:], ", ")
	}
	return all
}

// TestStubHasEveryOption holds scripts/meta/flashlua.lua to the declared options: their names, types and which
// are required.
func TestStubHasEveryOption(t *testing.T) {
	for _, f := range option.Declared() {
		var want []string
		for _, o := range f.Options {
			mark := "?"
			if o.Required {
				mark = ""
			}
			want = append(want, fmt.Sprintf("%s%s: %s", o.Name, mark, o.Kind))
		}
		slices.Sort(want)
		if got := stubOptions(f); !slices.Equal(got, want) {
			t.Errorf("options of %s in scripts/meta/flashlua.lua:\n\t%v\nwant\n\t%v\nTestStubHasEveryKey writes those that are keys of a policy", f.Name, got, want)
		}
	}
}

// TestDocsHaveEveryOption holds the table of options in docs/policies.md to the declared ones. UPDATE=1 writes it.
func TestDocsHaveEveryOption(t *testing.T) {
	const path, head = "../docs/policies.md", "| function | options |\n|---|---|\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, after, ok := strings.Cut(string(text), head)
	if !ok {
		t.Fatalf("%s has no table of options", path)
	}
	table := regexp.MustCompile(`^(?:\|.*\n)*`).FindString(after)
	want := optionTable()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(before+head+want+strings.TrimPrefix(after, table)), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if table != want {
		t.Errorf("the options in %s are\n%s\nwant\n%s\nUPDATE=1 go test -run TestDocsHaveEveryOption ./bindings writes them", path, table, want)
	}
}

// optionTable returns the rows of the options of every function. Functions with the same options share a row.
func optionTable() string {
	var rows []string
	names := map[string][]string{}
	for _, f := range option.Declared() {
		var options []string
		for _, o := range f.Options {
			text := fmt.Sprintf("`%s` %s", o.Name, documented(o.Kind))
			if o.Required {
				text += ", required"
			}
			options = append(options, text)
		}
		row := strings.Join(options, "; ")
		if names[row] == nil {
			rows = append(rows, row)
		}
		names[row] = append(names[row], "`"+f.Name+"`")
	}
	var out strings.Builder
	for _, row := range rows {
		fmt.Fprintf(&out, "| %s | %s |\n", strings.Join(names[row], ", "), row)
	}
	return out.String()
}

// documented returns a kind as the documents name it.
func documented(k option.Kind) string {
	switch k {
	case option.PowerState:
		return regexp.MustCompile(`"\w+"`).ReplaceAllString(option.OneOf(engine.PowerAfterStates), "`$0`")
	case option.LoadWay:
		return "`\"tftp\"`, `\"http\"`, `\"serial\"`, or a partition: `\"usb 0:1\"`"
	case option.StationWay:
		return "`\"tftp\"`, `\"http\"` or `\"serial\"`"
	case option.Class:
		return "`\"retry\"` or `\"fatal\"`"
	case option.Pause:
		return "duration, or `\"0s\"`"
	case option.Prompts:
		return "string, or a list of strings"
	case option.Memory:
		return "list, `{ address, size }`"
	case option.Values:
		return "table of values"
	case option.Texts:
		return "table of strings"
	case option.Aborts:
		return "table of strings, or false"
	}
	return string(k)
}

// TestDocsHaveNoOtherOptions holds every `name(…, { a, b })` of the documents to the declared options.
func TestDocsHaveNoOtherOptions(t *testing.T) {
	found := 0
	for _, path := range []string{"../docs/policies.md", "../docs/boards.md"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("`([^`]*?(\\w+)(?:\\([^`{]*)?\\{ ([\\w, ]+) \\}[^`]*)`").FindAllStringSubmatch(string(text), -1) {
			var known []string
			for _, f := range option.Declared() {
				if f.Method() == m[2] {
					known = append(known, f.Names()...)
				}
			}
			if known == nil {
				continue
			}
			found++
			for _, name := range strings.Split(m[3], ", ") {
				if !slices.Contains(known, name) {
					t.Errorf("%s: %q names the option %s; want one of %v", path, m[1], name, known)
				}
			}
		}
	}
	if found < 5 {
		t.Errorf("the documents write out the options of %d functions; want at least 5", found)
	}
}
