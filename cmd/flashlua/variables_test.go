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
