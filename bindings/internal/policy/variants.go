package policy

import (
	"regexp"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
)

// variantName matches the name of a variant.
var variantName = regexp.MustCompile(`^\w[\w.-]*$`)

// maxDepth is how deep tables of a variant may be nested; a policy's are less deep.
const maxDepth = 8

// variants returns the names of the policy's variants, sorted. It records those that are no tables.
func (s *section) variants() (names []string) {
	sub := s.section("variants")
	for _, name := range sub.names() {
		t, ok := sub.t.RawGetString(name).(*lua.LTable)
		switch {
		case !variantName.MatchString(name):
			sub.fail(name, "is not a name for a variant: letters, digits, _, - and .")
		case !ok:
			sub.fail(name, "must be a table of policy keys")
		case t.RawGetString("variants") != lua.LNil:
			sub.fail(name, "must not have variants of its own")
		default:
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		all := []any{}
		for _, name := range names {
			all = append(all, name)
		}
		s.record("variants", all)
	}
	return names
}

// choose lays the keys of a variant over those of the policy. The error of an unknown one is of kind usage.
func (s *section) choose(variant string, names []string) error {
	if variant == "" {
		return nil
	}
	if !slices.Contains(names, variant) {
		err := classify.New(classify.Usage, "%s has no variant %q", s.file, variant)
		if len(names) == 0 {
			return classify.WithHint(err, "it has no variants: leave the choice out, or declare variants = { … } in the policy")
		}
		return classify.WithHint(err, "it has %s%s", strings.Join(names, ", "), suggest.Nearest(variant, names))
	}
	s.variant = variant
	s.overlay(s.t, s.t.RawGetString("variants").(*lua.LTable).RawGetString(variant).(*lua.LTable), "", 0)
	return nil
}

// overlay writes the keys of a variant's table into the policy's. Of two tables the keys are merged; a list, and
// every other value, replaces what is there.
func (d *decoder) overlay(onto, from *lua.LTable, path string, depth int) {
	if onto == from || depth == maxDepth {
		return
	}
	from.ForEach(func(k, v lua.LValue) {
		name := path + k.String()
		newer, ok1 := v.(*lua.LTable)
		older, ok2 := onto.RawGet(k).(*lua.LTable)
		if ok1 && ok2 && newer.Len() == 0 && older.Len() == 0 {
			d.overlay(older, newer, name+".", depth+1)
			return
		}
		onto.RawSet(k, v)
		d.overlaid = append(d.overlaid, name)
	})
}

// ofVariant returns the key of the chosen variant for a key that it has, and the key itself for others.
func (d *decoder) ofVariant(key string) string {
	if slices.ContainsFunc(d.overlaid, func(name string) bool { return key == name || strings.HasPrefix(key, name+".") }) {
		return "variants." + d.variant + "." + key
	}
	return key
}
