package bindings

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/flashlua/flashlua/bindings/internal/policy"
)

// ownText is a script and its own modules, not those that come with flashlua. It answers what is not known of the
// functions of a policy before they run.
type ownText []ownFile

// ownFile is one of the files.
type ownFile struct{ name, text string }

var (
	loadCall      = regexp.MustCompile(`[.:]\s*load\b\s*(\(?\s*\)?)`)
	editsLoad     = regexp.MustCompile(`:\s*(?:replace|remove)\s*\(\s*["']load["']`)
	useSequence   = regexp.MustCompile(`\bsequence\b`)
	ubootWriter   = regexp.MustCompile(`\blib\.uboot_writer\b`) // its sequence has no step load
	variableValue = regexp.MustCompile(`\$\{(\w+)\}`)
	luaComment    = regexp.MustCompile(`--[^\n]*`)
)

// loadsAll reports whether a flash of the script's own loads all files of the policy at once: it uses the default
// sequence with its step load, or calls load() without names, and never loads single files.
func (t ownText) loadsAll() bool {
	all := false
	for _, f := range t {
		code := luaComment.ReplaceAllString(f.text, "")
		if editsLoad.MatchString(code) {
			return false
		}
		all = all || useSequence.MatchString(code) && !ubootWriter.MatchString(code)
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
	for _, f := range t {
		if word.MatchString(value.ReplaceAllString(f.text, "")) {
			return true
		}
	}
	return false
}

// uses returns the values of variables, ${name}, in the texts of the script.
func (t ownText) uses() (all []policy.Use) {
	for _, f := range t {
		for i, line := range strings.Split(f.text, "\n") {
			for _, m := range variableValue.FindAllStringSubmatch(luaComment.ReplaceAllString(line, ""), -1) {
				all = append(all, policy.Use{Name: m[1], Where: fmt.Sprintf("%s:%d", f.name, i+1)})
			}
		}
	}
	return all
}
