package main

import (
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestHelpIsWrapped holds that no line of a help is longer than its terminal is wide, except an example, and that each
// flag is in it.
func TestHelpIsWrapped(t *testing.T) {
	for _, width := range []int{0, 40, 80, 100, 300} {
		columns := width
		switch {
		case width == 0:
			columns = helpWidth
		case width > maxHelpWidth:
			columns = maxHelpWidth
		}
		for _, cmd := range (Env{}).app().Commands {
			var out strings.Builder
			env := Env{
				Args: []string{"flashlua", cmd.Name, "--help"}, Stdout: &out, Stderr: io.Discard,
				Getenv: func(string) string { return "" }, Terminal: func(io.Writer) int { return width },
			}
			if code := env.run(); code != 0 {
				t.Errorf("flashlua %s --help = %d; want 0", cmd.Name, code)
			}
			for line := range strings.Lines(out.String()) {
				line = strings.TrimSuffix(line, "\n")
				words := strings.Fields(line)
				isExample := slices.ContainsFunc(words, func(word string) bool { return word == "flashlua" || word == "<(flashlua" })
				if n := utf8.RuneCountInString(line); n > columns && len(words) > 2 && !isExample {
					t.Errorf("flashlua %s --help has a line of %d columns; want %d\n%s", cmd.Name, n, columns, line)
				}
			}
			for _, f := range cmd.Flags {
				_, flags, _ := strings.Cut(out.String(), "\nFLAGS:")
				if row := regexp.MustCompile(`(?m)^ {3,5}--` + f.Names()[0] + `(?:[, ]|$)`); !row.MatchString(flags) {
					t.Errorf("flashlua %s --help lacks --%s at %d columns\n%s", cmd.Name, f.Names()[0], columns, out.String())
				}
			}
		}
	}
}

// TestHelpHasNames holds that the groups and marks of the help name what exists.
func TestHelpHasNames(t *testing.T) {
	app := (Env{}).app()
	for flag := range requiredFlags {
		command, name, _ := strings.Cut(flag, " ")
		if cmd := app.Command(command); cmd == nil || !hasFlag(cmd, name) {
			t.Errorf("requiredFlags has %q, which is no flag", flag)
		}
	}
	for _, g := range commandGroups {
		for _, name := range g.names {
			if name != "help" && name != "report" && app.Command(name) == nil {
				t.Errorf("commandGroups has %q, which is no command", name)
			}
		}
	}
}

// TestHelpOfNarrowTerminals holds that a row whose first column leaves too little room has its text below it.
func TestHelpOfNarrowTerminals(t *testing.T) {
	p := helpText{width: 40}
	p.heading("ROWS", "  --arg boot_partition=STRING  the partition from which the board boots")
	want := "ROWS:\n     --arg boot_partition=STRING\n       the partition from which the\n       board boots\n"
	if got := p.text.String(); got != want {
		t.Errorf("heading =\n%s\nwant\n%s", got, want)
	}
}
