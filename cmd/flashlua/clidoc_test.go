package main

import (
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

var (
	docFlag    = regexp.MustCompile("`(-[-a-z0-9]+)")
	docExample = regexp.MustCompile(`(?m)^(?:\$ )?(flashlua .*)$`)
)

// TestDocsAreTrue holds that docs/cli.md has every command and every flag of the program, and no others.
func TestDocsAreTrue(t *testing.T) {
	raw, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{} // command -> its section
	for _, s := range strings.Split(string(raw), "\n## flashlua ")[1:] {
		documented[strings.Fields(s)[0]] = s
	}
	delete(documented, "help") // of urfave/cli
	app := Env{}.app()
	for _, cmd := range app.Commands {
		section, ok := documented[cmd.Name]
		if !ok {
			t.Errorf("docs/cli.md lacks flashlua %s", cmd.Name)
		}
		delete(documented, cmd.Name)
		compareFlags(t, cmd, section)
		if !docExample.MatchString(section) || !strings.Contains(strings.ReplaceAll(section, "\n$ ", "\n"), "\nflashlua "+cmd.Name) {
			t.Errorf("docs/cli.md has no example of flashlua %s", cmd.Name)
		}
		if !strings.Contains(cmd.Description, "flashlua "+cmd.Name) {
			t.Errorf("the help of flashlua %s has no example", cmd.Name)
		}
	}
	for name := range documented {
		t.Errorf("docs/cli.md has flashlua %s, which is no command", name)
	}
}

// compareFlags compares the tables of a section with the flags of a command. Flags in the prose are not checked.
func compareFlags(t *testing.T, cmd *cli.Command, section string) {
	said := map[string]bool{}
	for line := range strings.Lines(section) {
		if cell, ok := strings.CutPrefix(line, "| `"); ok {
			cell, _, _ = strings.Cut(cell, " | ")
			for _, m := range docFlag.FindAllStringSubmatch("`"+cell, -1) {
				said[m[1]] = true
			}
		}
	}
	for _, flags := range append([][]cli.Flag{cmd.Flags}, subcommandFlags(cmd)...) {
		for _, f := range flags {
			for _, name := range f.Names() {
				if name = "-" + name; len(name) > 2 {
					name = "-" + name
				}
				if !said[name] {
					t.Errorf("docs/cli.md lacks flag %s of flashlua %s", name, cmd.Name)
				}
				delete(said, name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(said)) {
		t.Errorf("docs/cli.md has flag %s of flashlua %s, which is no flag", name, cmd.Name)
	}
}

func subcommandFlags(cmd *cli.Command) (all [][]cli.Flag) {
	for _, sub := range cmd.Subcommands {
		all = append(all, sub.Flags)
	}
	return all
}

// TestDocExamplesAreUnderstood parses every command line of the documents, with commands that do nothing.
func TestDocExamplesAreUnderstood(t *testing.T) {
	raw, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range docExample.FindAllStringSubmatch(string(raw), -1) {
		line, _, _ := strings.Cut(m[1], " >")
		app := Env{Stdout: io.Discard, Stderr: io.Discard}.app()
		reached := ""
		for _, cmd := range app.Commands {
			cmd.Action = func(*cli.Context) error { reached = cmd.Name; return nil }
		}
		args, err := reorderArgs(app, words(line))
		if err == nil {
			err = app.Run(args)
		}
		if err != nil || reached == "" && !strings.Contains(line, "help") {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// words splits a line into words as a shell does, with the quoting that the examples use.
func words(line string) []string {
	var all []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			all = append(all, part)
		} else {
			all = append(all, strings.Fields(part)...)
		}
	}
	return all
}
