package main

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/engine"
)

// TestManualHasAll holds that the manual page has each command and flag, and that no line of it is a macro by mistake.
func TestManualHasAll(t *testing.T) {
	app := (Env{}).app()
	app.Setup()
	page := manual(app)
	var all func(parent string, commands []*cli.Command)
	all = func(parent string, commands []*cli.Command) {
		for _, cmd := range commands {
			if cmd.Name == "help" || cmd.Hidden {
				continue
			}
			_, section, found := strings.Cut(page, `.SH "`+strings.ToUpper(parent+" "+cmd.Name)+"\"\n")
			if !found {
				t.Errorf("the manual page lacks %s %s", parent, cmd.Name)
			}
			section, _, _ = strings.Cut(section, "\n.SH ")
			for _, f := range cmd.VisibleFlags() {
				if name := strings.ReplaceAll("--"+f.Names()[0], "-", `\-`); !strings.Contains(section, "\n.B \""+name) {
					t.Errorf("the manual page lacks %s %s --%s", parent, cmd.Name, f.Names()[0])
				}
			}
			all(parent+" "+cmd.Name, cmd.Subcommands)
		}
	}
	all(app.Name, app.Commands)
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Skip("LEFT OUT: the check of the manual page, mandoc is not installed")
	}
	if engine.ReadBuild().Date.IsZero() { // of a test
		page = strings.Replace(page, `.TH "FLASHLUA" "1" ""`, `.TH "FLASHLUA" "1" "`+time.Time{}.Format(time.DateOnly)+`"`, 1)
	}
	cmd := exec.Command(mandoc, "-Tlint", "-W", "warning")
	cmd.Stdin = strings.NewReader(page)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("mandoc -Tlint = %v; want no warning\n%s", err, out)
	}
}

func TestRoffLine(t *testing.T) {
	for text, want := range map[string]string{
		"plain":         "plain",
		".TH is text":   `\&.TH is text`,
		"  'quoted'":    `  \&'quoted'`,
		`C:\x --flag y`: `C:\ex \-\-flag y`,
		"SCRIPT… ":      "SCRIPT...",
	} {
		var p roff
		p.line(text)
		if got := p.String(); got != want+"\n" {
			t.Errorf("line(%q) = %q; want %q", text, got, want+"\n")
		}
	}
}
