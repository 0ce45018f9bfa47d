package main

import (
	"errors"
	"html"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	pageLink  = regexp.MustCompile(`<a\b[^>]*?\bhref="([^"]*)"`)
	pageLoad  = regexp.MustCompile(`<(?:link|script|img)\b[^>]*?\b(?:href|src)="([^"]*)"`)
	styleLoad = regexp.MustCompile(`@import\s*["(]|url\(["']?(?:https?:)?//`)
)

// TestSite builds the site of the documents. Its links lead to pages and anchors that exist, and its pages load nothing
// from another host.
func TestSite(t *testing.T) {
	build := exec.Command("../../docs/site.sh")
	if out, err := build.CombinedOutput(); err != nil {
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 3 {
			t.Skipf("LEFT OUT: the site of the documents: %s", out)
		}
		t.Fatalf("docs/site.sh: %v\n%s", err, out)
	}
	site := "../../build/site"
	files := map[string]string{}
	err := filepath.WalkDir(site, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(site, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	pages := 0
	for name, text := range files {
		switch filepath.Ext(name) {
		case ".css":
			if load := styleLoad.FindString(text); load != "" {
				t.Errorf("%s has %s; want no request to another host", name, load)
			}
			continue
		case ".html":
			pages++
		default:
			continue
		}
		if name == "404.html" { // its links begin at the root of the host
			continue
		}
		for _, m := range pageLoad.FindAllStringSubmatch(text, -1) {
			if u, err := url.Parse(m[1]); err != nil || u.Host != "" {
				t.Errorf("%s loads %s; want no request to another host", name, m[1])
			}
		}
		for _, m := range append(pageLink.FindAllStringSubmatch(text, -1), pageLoad.FindAllStringSubmatch(text, -1)...) {
			u, err := url.Parse(html.UnescapeString(m[1]))
			if err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			}
			if err != nil || u.Scheme != "" {
				continue
			}
			target := name
			if u.Path != "" {
				target = filepath.Join(filepath.Dir(name), u.Path)
			}
			if target == "." {
				target = "index.html"
			}
			page, ok := files[target]
			if !ok {
				t.Errorf("%s links to %s; the site has no %s", name, m[1], target)
			} else if u.Fragment != "" && !strings.Contains(u.Fragment, "__") && !hasAnchor(page, u.Fragment) {
				t.Errorf("%s links to %s; %s has no such anchor", name, m[1], target)
			}
		}
	}
	documents, err := fs.Glob(os.DirFS("../.."), "docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	top, err := fs.Glob(os.DirFS("../.."), "*.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := len(documents) + len(top) + 1; pages != want { // 404
		t.Errorf("the site has %d pages; want %d", pages, want)
	}
}

func hasAnchor(page, anchor string) bool {
	return strings.Contains(page, `id="`+html.EscapeString(anchor)+`"`)
}
