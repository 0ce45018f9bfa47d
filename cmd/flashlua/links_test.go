package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	mdLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	// mdBlock matches a code block, in which nothing is a link or a heading.
	mdBlock    = regexp.MustCompile("(?ms)^```.*?^```$")
	mdSpan     = regexp.MustCompile("`[^`\n]*`")
	mdHeading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	mdTarget   = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	slugRemove = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// TestLinks holds that the links of the documents lead to files, and to headings that exist. Every page of docs can be
// reached from the README, and is in the navigation of the site.
func TestLinks(t *testing.T) {
	root := "../.."
	docs, err := filepath.Glob(root + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.Glob(root + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	navigation, err := os.ReadFile(root + "/docs/mkdocs.yml")
	if err != nil {
		t.Fatal(err)
	}
	linked := map[string][]string{} // the pages that a page links to
	for _, page := range slices.Concat(docs, top) {
		text := proseOf(t, page)
		for _, m := range mdLink.FindAllStringSubmatch(mdSpan.ReplaceAllString(text, ""), -1) {
			path, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(path, "://") {
				continue
			}
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			if info, err := os.Stat(target); err != nil || info.IsDir() {
				t.Errorf("%s links to %s, which is no file", page, m[1])
				continue
			}
			linked[page] = append(linked[page], target)
			if anchor != "" && !slices.Contains(anchorsOf(proseOf(t, target)), anchor) {
				t.Errorf("%s links to %s; %s has no such heading", page, m[1], target)
			}
		}
	}
	reached := []string{root + "/README.md"}
	for i := 0; i < len(reached); i++ {
		for _, next := range linked[reached[i]] {
			if !slices.Contains(reached, next) {
				reached = append(reached, next)
			}
		}
	}
	for _, page := range docs {
		if !slices.Contains(reached, page) {
			t.Errorf("no links lead from README.md to %s", page)
		}
		if !strings.Contains(string(navigation), ": docs/"+filepath.Base(page)+"\n") {
			t.Errorf("the nav of docs/mkdocs.yml lacks docs/%s", filepath.Base(page))
		}
	}
}

// proseOf returns a document without its code blocks.
func proseOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return mdBlock.ReplaceAllString(string(text), "")
}

// anchorsOf returns the anchors of the headings, as GitHub makes them.
func anchorsOf(text string) (anchors []string) {
	for _, m := range mdHeading.FindAllStringSubmatch(text, -1) {
		title := strings.ToLower(mdTarget.ReplaceAllString(m[1], "$1"))
		anchors = append(anchors, strings.ReplaceAll(slugRemove.ReplaceAllString(title, ""), " ", "-"))
	}
	return anchors
}
