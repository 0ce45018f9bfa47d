package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

var placeholder = regexp.MustCompile("`([^`]+)`")

// TestEveryFlagHasAVariable holds that the variable of a flag sets it in every command that has the flag, that flags of
// one variable take the same, and that withoutVariable has reasons for flags that exist.
func TestEveryFlagHasAVariable(t *testing.T) {
	values := map[string]string{} // by the variable, what its flags take
	excepted := map[string]bool{}
	for _, cmd := range (Env{}).app().Commands {
		for _, f := range cmd.Flags {
			flag := f.Names()[0]
			name := variableOf(flag)
			if !slices.Contains(variableFlags(cmd), f) {
				excepted[flag], excepted[cmd.Name+" "+flag] = true, true
				continue
			}
			takes := takenBy(f)
			if before, known := values[name]; known && before != takes {
				t.Errorf("%s is for flags that take %q and %q: give one of them another name, or add \"%s %s\" to withoutVariable", name, before, takes, cmd.Name, flag)
			}
			values[name] = takes
			if slices.Contains(otherVariables, name) {
				t.Errorf("%s belongs to no flag, and is the variable of --%s of flashlua %s", name, flag, cmd.Name)
			}
			if got := setByVariable(t, cmd.Name, flag, takes); !got {
				t.Errorf("%s does not set --%s of flashlua %s", name, flag, cmd.Name)
			}
		}
	}
	for flag := range withoutVariable {
		command, _, isOne := strings.Cut(flag, " ")
		if !excepted[flag] && (!isOne || (Env{}).app().Command(command) != nil) {
			t.Errorf("withoutVariable has %q, which is no flag", flag)
		}
	}
}

// takenBy returns the placeholder of a flag's value, with its type.
func takenBy(f cli.Flag) string {
	kind := strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", f), "*cli."), "Flag"), "cli.")
	usage := f.(cli.DocGenerationFlag).GetUsage()
	if m := placeholder.FindStringSubmatch(usage); m != nil {
		return kind + " " + m[1]
	}
	return kind
}

// setByVariable reports whether a command line without flags has the flag by its variable.
func setByVariable(t *testing.T, command, flag, takes string) (set bool) {
	value := "a=1"
	switch kind, _, _ := strings.Cut(takes, " "); kind {
	case "Bool", "Int":
		value = "1"
	case "Duration":
		value = "1m"
	}
	app := Env{Getenv: func(name string) string {
		if name == variableOf(flag) {
			return value
		}
		return ""
	}}.app()
	app.Command(command).Action = func(c *cli.Context) error {
		set = c.IsSet(flag) && !isGiven(c, flag)
		return nil
	}
	if err := app.Run([]string{"flashlua", command, "--"}); err != nil {
		t.Errorf("flashlua %s with %s=%s: %v", command, variableOf(flag), value, err)
	}
	return set
}

// TestDefaultsAreFlags holds that each of defaultFlags is a flag of run that has a variable, and is in docs/lab.md.
func TestDefaultsAreFlags(t *testing.T) {
	text, err := os.ReadFile("../../docs/lab.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n`defaults` has")
	section, _, _ = strings.Cut(section, ".")
	run := (Env{}).app().Command("run")
	for _, name := range defaultFlags {
		if !slices.ContainsFunc(variableFlags(run), func(f cli.Flag) bool { return f.Names()[0] == name }) {
			t.Errorf("defaultFlags has %q, which is no flag of run with a variable", name)
		}
		if !strings.Contains(section, "`"+name+"`") {
			t.Errorf("docs/lab.md lacks the default %q", name)
		}
	}
}

// TestWhichValueApplies holds that the command line replaces the variable, and that the default of the lab file, for
// each kind of flag; of pairs it replaces the value of the name alone.
func TestWhichValueApplies(t *testing.T) {
	t.Chdir(t.TempDir())
	const lab = `return {
	defaults = { timeout = "3m", retries = 3, strict = true, ["allow-exec"] = "c", format = "xz" },
	stations = { bench = { board = "board.lua", port = "sim:", args = { a = 3, b = 3 }, set = { ["console.baud"] = 3 } } },
}`
	const board = `local board = require("boards.sim")
local number = { type = "number" }
board.args = { a = number, b = number, c = number }
return board`
	for name, text := range map[string]string{"lab.lua": lab, "board.lua": board} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ flag, line, variable, all, noLine, onlyLab string }{
		{"timeout", "1m", "2m", "1m0s", "2m0s", "3m0s"},
		{"retries", "1", "2", "1", "2", "3"},
		{"strict", "true", "no", "true", "false", "true"},
		{"strict", "false", "yes", "false", "true", "true"},
		{"format", "raw", "gzip", "raw", "gzip", "xz"},
		{"allow-exec", "a", "b\nb2", "a", "b b2", "c"},
		{"arg", "a=1", "a=2\nc=2", "a=1 b=3 c=2", "a=3 b=3 c=2", "a=3 b=3"},
		{"set", "name=1", "name=2\nconsole.baud=2", "name=1 console.baud=3", "console.baud=3 name=2", "console.baud=3"},
		{"port", "sim:size=1", "sim:size=2", "sim:size=1", "sim:", "sim:"},
		{"target", "a", "b", "a", "b", ""},
	} {
		for _, from := range []struct{ line, variable, want string }{
			{"--" + tt.flag + "=" + tt.line, tt.variable, tt.all},
			{"", tt.variable, tt.noLine},
			{"", "", tt.onlyLab},
		} {
			env := Env{Getenv: func(name string) string { return map[string]string{variableOf(tt.flag): from.variable}[name] }}
			app, got := env.app(), ""
			app.Command("run").Action = func(c *cli.Context) error {
				s, err := env.stationOf(c, "bench", nil)
				if err == nil {
					c, err = env.use(c, s)
				}
				got = textOf(c, tt.flag)
				return err
			}
			args := []string{"flashlua", "run", from.line, "--", "bench"}
			if err := app.Run(slices.DeleteFunc(args, func(arg string) bool { return arg == "" })); err != nil || got != from.want {
				t.Errorf("%q with %s=%q: --%s = %q, %v; want %q", args, variableOf(tt.flag), from.variable, tt.flag, got, err, from.want)
			}
		}
	}
}
