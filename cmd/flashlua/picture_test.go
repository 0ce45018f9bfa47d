package main

import (
	"html"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/testdata/built"
)

// fleeting matches text that differs between two demos, or with and without a terminal.
var fleeting = []struct {
	text *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`(?m)^  write +\d+ %.*\n`), ""},
	{regexp.MustCompile(`\S*/image\.raw`), "image.raw"},
	{regexp.MustCompile(`([0-9a-f]{12})[0-9a-f]{52}`), "$1…"},
	{regexp.MustCompile(` +\d+(\.\d+)? ?m?s\b`), " T"},
}

func lasting(text string) string {
	for _, f := range fleeting {
		text = f.text.ReplaceAllString(text, f.with)
	}
	return strings.TrimSpace(text)
}

var (
	svgLine = regexp.MustCompile(`<text[^>]*?(?:/>|>(.*?)</text>)`)
	svgTag  = regexp.MustCompile(`<[^>]*>`)
)

// TestPicture holds that the README's picture shows the output of flashlua demo. make picture draws it.
func TestPicture(t *testing.T) {
	svg, err := os.ReadFile("../../docs/demo.svg")
	if err != nil {
		t.Fatal(err)
	}
	var picture strings.Builder
	for _, line := range svgLine.FindAllStringSubmatch(string(svg), -1) {
		picture.WriteString(html.UnescapeString(svgTag.ReplaceAllString(line[1], "")) + "\n")
	}
	demo := exec.Command(built.Program(t), "demo")
	demo.Env = append(os.Environ(), "CI=true")
	out, err := demo.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got, want := lasting(picture.String()), lasting(string(out)); got != want {
		t.Errorf("the picture shows\n%s\nthe demo prints\n%s", got, want)
	}
}
