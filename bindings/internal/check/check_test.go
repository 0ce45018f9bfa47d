package check

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/yuin/gopher-lua/parse"

	"github.com/flashlua/flashlua/bindings/internal/option"
)

// run checks a text with two modules, of which lab has functions and methods with options.
func run(t *testing.T, text string) string {
	t.Helper()
	tree, err := parse.Parse(strings.NewReader(text), "x.lua")
	if err != nil {
		t.Fatal(err)
	}
	timeout, name := option.Option{Name: "timeout", Kind: option.Duration}, option.Option{Name: "name", Kind: option.String, Required: true}
	in := Input{
		File: "x.lua", Text: []byte(text), Tree: tree, Globals: []string{"lab", "pcall", "print", "string"},
		Members: func(module string) []string {
			if module == "lab" {
				return []string{"open", "run"}
			}
			return nil
		},
		Functions: []option.Function{
			{Name: "lab.run", Arg: 2, Options: []option.Option{name, timeout}},
			{Name: "lab.open", Arg: 1, Options: []option.Option{timeout}},
			{Name: "shell:run", Arg: 2, Options: []option.Option{timeout}},
			{Name: "bench:run", Arg: 2, Options: []option.Option{name, {Name: "timeout", Kind: option.String}}},
		},
		CheckRegexp: func(e string) error {
			_, err := regexp.Compile(e)
			return err
		},
		CheckPattern: func(p string) error {
			if strings.Contains(p, "(") {
				return errors.New("unfinished capture")
			}
			return nil
		},
		Load: func(string) (Loaded, error) { return Loaded{}, nil },
	}
	var all []string
	for _, f := range Run(in) {
		all = append(all, f.Rule+": "+f.Message)
	}
	return strings.Join(all, "; ")
}

func TestOptions(t *testing.T) {
	const session = "local b = {} function b.flash(s, job) "
	for text, want := range map[string]string{
		`lab.run("x", { name = "y", timeout = "1s" })`:               "",
		`lab.run("x", { name = x and 1 })`:                           "undeclared-global: undeclared global x",
		`lab.run("x", { nmae = "y" })`:                               "unknown-option: lab.run has no option nmae; did you mean name?",
		`lab.run("x", { timeout = "1s" })`:                           "bad-option: lab.run: option name is required",
		`lab.run("x")`:                                               "",
		`lab.run({ nmae = "y" })`:                                    "", // not the table of options
		`lab.run("x", { name = 1, timeout = -1 })`:                   `bad-option: option name must be a string, not a number; bad-duration: option timeout must be a duration with its unit, "90s" or "5m", not a number`,
		`lab.run("x", { name = "y", timeout = 0x10 })`:               `bad-duration: option timeout must be a duration with its unit, "90s" or "5m", not a number`,
		`pcall(lab.run, "x", { nmae = "y" })`:                        "unknown-option: lab.run has no option nmae; did you mean name?",
		`local lab = {} lab.run("x", { nmae = "y" })`:                "",
		`lab["run"]("x", { nmae = "y" })`:                            "unknown-option: lab.run has no option nmae; did you mean name?",
		`print({ nmae = lab.open({ tiemout = "1s" }) })`:             "unknown-option: lab.open has no option tiemout; did you mean timeout?",
		session + `s:shell():run("x", { name = "y" }) end return b`:  "unknown-option: run has no option name, which is an option of lab.run, bench:run; known are timeout",
		session + `s:shell():run("x", { timeout = 1 }) end return b`: `bad-duration: option timeout must be a duration with its unit, "90s" or "5m", not a number`,
		session + `s.x.y:run("x", { name = "y" }) end return b`:      "unknown-member: s, the session, has no x; known are attempt, board, console, consoles, last_error, log, outputs, power, serve, shell, step, uboot",
		`return function(x) x:run("x", { timeout = 1 }) end`:         "", // a shell or a bench, whose options of that name differ
		`return function(x) x:run("x", { tiemout = 1 }) end`:         "unknown-option: run has no option tiemout; did you mean timeout?",
		`return function(x) x:run("x", { name = 1 }) end`:            "bad-option: option name must be a string, not a number",
		`local x = lab.open() x = nil x:run("x", { tiemout = "1" })`: "unknown-option: run has no option tiemout; did you mean timeout?",
	} {
		if got := run(t, text); got != want {
			t.Errorf("Run(%s)\n\t= %s\nwant\n\t%s", text, got, want)
		}
	}
}

func TestSuppressions(t *testing.T) {
	const bad = "lab.open({ tiemout = '1s' })"
	const found = "unknown-option: lab.open has no option tiemout; did you mean timeout?"
	for text, want := range map[string]string{
		bad: found,
		bad + " -- check: allow unknown-option because of the test":                          "",
		"-- check: allow unknown-option because of the test\n" + bad:                         "",
		"-- check: allow unknown-option because of the test\n\n" + bad:                       "silenced: nothing here breaks the rule unknown-option; " + found,
		bad + " -- check: allow unknown-option":                                              found + "; silenced: say why: -- check: allow unknown-option because …",
		bad + " -- check: allow unknown-optoin because of the test":                          found + "; silenced: there is no rule unknown-optoin; did you mean unknown-option?",
		bad + " -- check: allow bad-option, unknown-option because of the test":              "silenced: nothing here breaks the rule bad-option",
		"string.find(\"a\", \"(\") -- check: allow bad-pattern because the test means it so": "",
	} {
		if got := run(t, text); got != want {
			t.Errorf("Run(%s)\n\t= %s\nwant\n\t%s", text, got, want)
		}
	}
}

func TestRegexps(t *testing.T) {
	const found = "bad-pattern: error parsing regexp: missing closing ): `(`"
	for text, want := range map[string]string{
		`return function(con) con:expect("(", { regexp = true }) end`:             found,
		`return function(con) con:expect({ "a", "(" }, { regexp = true }) end`:    found,
		`return function(con) con:expect("(\\d+)", { regexp = true }) end`:        "",
		`return function(con) con:expect("(", { regexp = false }) end`:            "",
		`return function(con) con:expect("(", { timeout = "5s" }) end`:            "",
		`return function(con) con:expect("(") end`:                                "",
		`return function(con, yes, text) con:expect(text, { regexp = true }) end`: "",
		`return function(con, yes) con:expect("(", { regexp = yes }) end`:         "",
	} {
		if got := run(t, text); got != want {
			t.Errorf("Run(%s) = %s; want %s", text, got, want)
		}
	}
}
