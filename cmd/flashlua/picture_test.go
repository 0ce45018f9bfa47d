package main

import (
	"html"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/testdata/built"
)

// fleeting matches text that differs between two runs.
var fleeting = []struct {
	text *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\x1b\[[0-9;]*m`), ""},
	{regexp.MustCompile(`(?m)^  write +\d+ %.*\n`), ""},
	{regexp.MustCompile(`[0-9a-f]{12}…`), "SHA256"},
	{regexp.MustCompile(` +\d+(\.\d+)? ?m?s\b`), " T"},
	// The live table: steps and rates, and what was reported before that moment.
	{regexp.MustCompile(`(?m)^bench-\d+:   .*\n`), ""},
	{regexp.MustCompile(`(?m)^bench-\d+ #1 .*%.*$`), "PROGRESS"},
	{regexp.MustCompile(`(?m)^bench-\d+ #1 .*$`), "STEP"},
	{regexp.MustCompile(`(?m)^bench-\d+: verified.*$`), "VERIFIED"},
	{regexp.MustCompile(`\d+ queued, (\d) running, \d verified`), "N queued, $1 running, N verified"},
}

// lasting returns a text without what differs between two runs. Of a live table it returns each line once.
func lasting(text string) string {
	for _, f := range fleeting {
		text = f.text.ReplaceAllString(text, f.with)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if slices.Contains(lines, "PROGRESS") {
		slices.Sort(lines)
		lines = slices.Compact(lines)
	}
	return strings.Join(lines, "\n")
}

var (
	svgLine = regexp.MustCompile(`<text[^>]*?(?:/>|>(.*?)</text>)`)
	svgTag  = regexp.MustCompile(`<[^>]*>`)
)

// TestPictures holds that the pictures of the documents show what the program prints. make picture draws them.
func TestPictures(t *testing.T) {
	if _, err := exec.LookPath("script"); err != nil {
		t.Skipf("LEFT OUT: the pictures of the documents: %v", err)
	}
	built.Program(t)
	for _, name := range []string{"demo", "failed", "stations"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			svg, err := os.ReadFile("../../docs/" + name + ".svg")
			if err != nil {
				t.Fatal(err)
			}
			var picture strings.Builder
			for _, line := range svgLine.FindAllStringSubmatch(string(svg), -1) {
				picture.WriteString(html.UnescapeString(svgTag.ReplaceAllString(line[1], "")) + "\n")
			}
			run := exec.CommandContext(t.Context(), "../../docs/picture.sh", name)
			var stderr strings.Builder
			run.Stderr = &stderr
			out, err := run.Output()
			if err != nil {
				t.Fatalf("docs/picture.sh %s: %v\n%s%s", name, err, out, &stderr)
			}
			if got, want := lasting(picture.String()), lasting(string(out)); got != want {
				t.Errorf("the picture shows\n%s\nthe program prints\n%s\nmake picture draws it again", got, want)
			}
		})
	}
}
