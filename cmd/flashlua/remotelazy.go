package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/engine/input"
)

// A function of a policy may read modules and data files when it is called. These match such a call with its name.
var (
	requireCall = regexp.MustCompile(`\brequire\s*\(?\s*["']([\w.-]+)["']`)
	dataCall    = regexp.MustCompile(`\b(?:csv|json)\.load\s*\(?\s*["']([^"'\n]+)["']`)
)

// maxModule is the size in bytes up to which a file is searched for calls.
const maxModule = 4 << 20

// filesOfScript returns the modules and data files that a script reads, relative to its folder: those that loading
// read, and those that exist and that the script or one of the modules names.
func filesOfScript(s *bindings.Script, spec string) []string {
	dir := filepath.Dir(spec)
	all := slices.Clone(s.Files)
	named := func(text string) {
		for _, m := range requireCall.FindAllStringSubmatch(text, -1) {
			all = append(all, strings.ReplaceAll(m[1], ".", "/")+".lua")
		}
		for _, m := range dataCall.FindAllStringSubmatch(text, -1) {
			all = append(all, m[1])
		}
	}
	named(string(s.Text))
	seen := map[string]bool{}
	for i := 0; i < len(all); i++ {
		path := filepath.Join(dir, all[i])
		if st, err := os.Stat(path); seen[all[i]] || !filepath.IsLocal(all[i]) || err != nil || !st.Mode().IsRegular() {
			continue
		}
		seen[all[i]] = true
		if text, err := input.Read(path, maxModule); err == nil && filepath.Ext(path) == ".lua" {
			named(string(text))
		}
	}
	return slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(all))), func(file string) bool { return !seen[file] })
}
