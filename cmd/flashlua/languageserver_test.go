package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mistaken is a policy with a mistake on each line that ends with "-- want RULE".
const mistaken = `---@type flashlua.policy
local board = { boot = "x", console = { baud = "x" } } -- want assign-type-mismatch
local lib = require("lib.uboot_busybox")
local seq = lib.sequence()
seq:wrap("network", function(next, s) next() s:foo() end) -- want undefined-field
seq:wrap("network", function(next, s, job) print(job.imag) end) -- want undefined-field
seq:wrap("network", function(next, s, job, at) at.bord() end) -- want undefined-field
seq:after("linux", { name = "fan", run = function(s, job, at) at.shell:ran() end }) -- want undefined-field
seq:after("linux", { name = "fan", timeout = 10, run = function() end }) -- want assign-type-mismatch
seq:step("load").timeout = 20 -- want assign-type-mismatch
seq:steps("load") -- want undefined-field
function board.flash(s, job)
	s:step("linux", { timeout = "1m" }, function() return s:shell() end):ran() -- want undefined-field
	lib.boot(s, "uboot"):ran() -- want undefined-field
	log.info(s.last_error.kinds) -- want undefined-field
	io.open("x") -- want undefined-global
end
function board.check(s, report)
	print(report.results) -- want undefined-field
	print(report.target.stat) -- want undefined-field
	print(report.attempts[1].clas) -- want undefined-field
end
function board.classify(err, next) return "retr" end -- want return-type-mismatch
function board.backoff(n, err, next) return n end -- want return-type-mismatch
board.linux = { timeout = 3 } -- want assign-type-mismatch
board.net = "x" -- want assign-type-mismatch
board.flahs = function() end -- want inject-field
print(require("boards.sim").descriptio) -- want undefined-field
return board
`

// TestLanguageServer holds that lua-language-server, where it is installed, finds the mistakes of a policy by the
// installed stub, and nothing in the scripts that come with flashlua, the examples and the documents.
func TestLanguageServer(t *testing.T) {
	server, err := exec.LookPath("lua-language-server")
	if err != nil {
		t.Skip("lua-language-server is not installed")
	}
	dir := languageServerFolder(t)
	found := languageServerFindings(t, server, dir)
	var want []string
	for i, line := range strings.Split(mistaken, "\n") {
		if _, rule, ok := strings.Cut(line, "-- want "); ok {
			want = append(want, fmt.Sprintf("%d %s", i+1, rule))
		}
	}
	if got := found["mistaken.lua"]; !slices.Equal(got, want) {
		t.Errorf("the server finds in mistaken.lua\n\t%q\nwant\n\t%q", got, want)
	}
	delete(found, "mistaken.lua")
	for file, rules := range found {
		t.Errorf("the server finds %q in %s; want nothing", rules, file)
	}
}

// languageServerFolder returns a folder with an installed stub, a policy with mistakes, and scripts without.
func languageServerFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := installStub(dir); err != nil {
		t.Fatal(err)
	}
	for _, own := range []string{"boards", "lib"} { // as scripts to check, not as a library
		if err := os.Rename(filepath.Join(dir, stubDir, own), filepath.Join(dir, own)); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("mistaken.lua", mistaken)
	write("new.lua", newPolicy)
	docs, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Glob("../../scripts/examples/*.lua")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(append(docs, examples...), "../../README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		if filepath.Ext(path) == ".lua" {
			write("example-"+name, string(text))
			continue
		}
		for i, block := range strings.Split(string(text), "```lua\n")[1:] {
			if block, _, _ = strings.Cut(block, "```"); strings.Contains(block, "\nreturn ") || strings.HasPrefix(block, "return ") { // the others are parts of a script
				write(fmt.Sprintf("%s-%d.lua", strings.TrimSuffix(name, ".md"), i+1), block)
			}
		}
	}
	return dir
}

// serverFinding is a finding of lua-language-server. Plain data.
type serverFinding struct {
	Code  string
	Range struct{ Start struct{ Line int } } // from 0
}

// languageServerFindings returns what the server finds in the scripts of a directory: lines and rules, by file.
func languageServerFindings(t *testing.T, server, dir string) map[string][]string {
	t.Helper()
	out := t.TempDir()
	result := filepath.Join(out, "found.json")
	text, err := exec.CommandContext(t.Context(), server, "--check="+dir, "--checklevel=Information", "--check_format=json",
		"--check_out_path="+result, "--logpath="+out).CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) { // it exits with 1 if it finds something
		t.Fatal(err)
	}
	raw, err := os.ReadFile(result)
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%s wrote no findings:\n%s", server, text)
	}
	var files map[string][]serverFinding
	if err := cmp.Or(err, json.Unmarshal(raw, &files)); err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for uri, all := range files {
		name := regexp.MustCompile(`^.*/`).ReplaceAllString(uri, "")
		slices.SortFunc(all, func(a, b serverFinding) int { return a.Range.Start.Line - b.Range.Start.Line })
		for _, f := range all {
			found[name] = append(found[name], fmt.Sprintf("%d %s", f.Range.Start.Line+1, f.Code))
		}
	}
	return found
}
