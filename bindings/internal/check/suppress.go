package check

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify/suggest"
)

// suppressionComment is `-- check: allow RULE, RULE because REASON`. It holds for its own line and for the one
// after it.
var suppressionComment = lazyRegexp(`--\s*check:\s*allow\s+([\w, -]+?)(?:\s+because\s+(\S.*))?$`)

// suppression is one such comment.
type suppression struct {
	rules  []string
	reason bool
	used   map[string]bool // rules that it silenced
}

// applySuppressions returns the findings that no comment silences, sorted, with those about the comments
// themselves: an unknown rule, a missing reason, a rule that is not broken there.
func (c *checker) applySuppressions() (all []Finding) {
	for _, f := range c.files {
		c.file = f
		c.suppress(f == c.files[0])
		slices.SortStableFunc(f.found, func(a, b Finding) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) })
		all = append(all, f.found...)
	}
	return all
}

// suppress removes the findings of a file that a comment silences. In a module it does not report the comments: their
// rules may be broken where another script requires it.
func (c *checker) suppress(comments bool) {
	all := c.suppressions()
	c.file.found = slices.DeleteFunc(c.file.found, func(f Finding) bool {
		for _, line := range []int{f.Line, f.Line - 1} {
			if s := all[line]; s != nil && s.reason && slices.Contains(s.rules, f.Rule) {
				s.used[f.Rule] = true
				return true
			}
		}
		return false
	})
	if !comments {
		return
	}
	for line, s := range all {
		for _, rule := range s.rules {
			switch _, known := Rules[rule]; {
			case !known:
				c.report(line, rule, "silenced", "there is no rule %s%s", rule, suggest.Nearest(rule, slices.Collect(maps.Keys(Rules))))
			case !s.reason:
				c.report(line, rule, "silenced", "say why: -- check: allow %s because …", rule)
			case !s.used[rule]:
				c.report(line, rule, "silenced", "nothing here breaks the rule %s", rule)
			}
		}
	}
}

// suppressions returns the comments by their lines.
func (c *checker) suppressions() map[int]*suppression {
	all := map[int]*suppression{}
	for i, l := range c.file.lines {
		if m := suppressionComment().FindStringSubmatch(strings.TrimRight(l, " \r")); m != nil {
			rules := strings.FieldsFunc(m[1], func(r rune) bool { return r == ',' || r == ' ' })
			all[i+1] = &suppression{rules, m[2] != "", map[string]bool{}}
		}
	}
	return all
}
