package lab

import "slices"

// Station is a board of a lab, and what connects it. Zero fields are not given. Plain data: safe for concurrent use
// while nothing changes it.
type Station struct {
	Name    string
	Board   string // path of the policy, or the name of a board that comes with flashlua
	Port    string // console, as transport.Open takes it
	Power   string // as power.Open takes it
	Files   string // directory of the policy's boot files
	Target  string // medium of the policy
	Variant string // of the policy
	Note    string // text for people
	Off     string // why the station must not be used; "" is in use
	Labgrid string // place of a labgrid coordinator that provides console and power

	Tags     []string          // the station is chosen by them
	Args     map[string]string // values of the policy's arguments, by name; env:NAME and file:PATH are secrets
	Set      map[string]string // policy keys, dotted, that replace the policy's own
	Outputs  map[string]string // drivers of the policy's outputs, by name, as power.Open takes them
	Consoles map[string]string // ports of the policy's other consoles, by name
}

// HasTags reports whether the station has all of the tags.
func (s Station) HasTags(tags ...string) bool {
	return !slices.ContainsFunc(tags, func(tag string) bool { return !slices.Contains(s.Tags, tag) })
}
