package bindings

import (
	"regexp"
	"strings"
)

// ownText is the text of a script and of its own modules, not of those that come with flashlua. It answers what
// the functions of a policy do not tell before they run.
type ownText []string

var (
	loadCall    = regexp.MustCompile(`[.:]\s*load\b\s*(\(?\s*\)?)`)
	editsLoad   = regexp.MustCompile(`:\s*(?:replace|remove)\s*\(\s*["']load["']`)
	useSequence = regexp.MustCompile(`\bsequence\b`)
	luaComment  = regexp.MustCompile(`--[^\n]*`)
)

// loadsAll reports whether a flash of the script's own loads all files of the policy at once: it uses the default
// sequence with its step load, or calls load() without names, and never loads single files.
func (t ownText) loadsAll() bool {
	all := false
	for _, text := range t {
		code := luaComment.ReplaceAllString(text, "")
		if editsLoad.MatchString(code) {
			return false
		}
		all = all || useSequence.MatchString(code)
		for _, m := range loadCall.FindAllStringSubmatch(code, -1) {
			if strings.Join(strings.Fields(m[1]), "") != "()" {
				return false
			}
			all = true
		}
	}
	return all
}

// mentions reports whether the script names a variable of U-Boot other than by its value, ${name}: it may set it,
// or says in a comment what it is.
func (t ownText) mentions(name string) bool {
	value := regexp.MustCompile(`\$\{?` + regexp.QuoteMeta(name) + `\b`)
	word := regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`)
	for _, text := range t {
		if word.MatchString(value.ReplaceAllString(text, "")) {
			return true
		}
	}
	return false
}
