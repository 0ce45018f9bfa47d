//go:build !urfave_cli_no_docs

package main

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestManPage holds that the manual page has every command and every long flag that help shows. If FLASHLUA_MANPAGE is
// set, it also writes the page to that file: a release has no generator of manual pages of its own.
func TestManPage(t *testing.T) {
	app := Env{Stdout: io.Discard, Stderr: io.Discard, Getenv: func(string) string { return "" }}.app()
	// The library's help command is one variable: once an app ran, it is its own subcommand, and the page has no end.
	app.HideHelpCommand = true
	app.Setup()
	page, err := app.ToManWithSection(1)
	if err != nil {
		t.Fatal(err)
	}
	unquoted := strings.ReplaceAll(page, `\-`, "-")
	for _, cmd := range app.VisibleCommands() {
		if !strings.Contains(unquoted, ".SH "+cmd.Name) && !strings.Contains(unquoted, ".SS "+cmd.Name) {
			t.Errorf("ToMan() has no section of command %s; want one", cmd.Name)
		}
		for _, flag := range cmd.VisibleFlags() {
			if name := flag.Names()[0]; !strings.Contains(unquoted, "-"+name) {
				t.Errorf("ToMan() has no --%s of %s; want it", name, cmd.Name)
			}
		}
	}
	if path := os.Getenv("FLASHLUA_MANPAGE"); path != "" {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		return
	}
	lint := exec.Command(mandoc, "-T", "lint", "-W", "error")
	lint.Stdin = strings.NewReader(page)
	if out, err := lint.CombinedOutput(); err != nil {
		t.Errorf("mandoc -T lint: %v\n%s; want no error", err, out)
	}
}
