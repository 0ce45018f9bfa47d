package labgrid

import (
	"cmp"
	"path"
	"strings"
)

// resource is something that an exporter provides: a serial port, a power port.
type resource struct {
	exporter, group, name string
	class                 string
	params, extra         map[string]string // values as texts
	acquired              string            // name of the place that uses it; "" is none
	avail                 bool
}

// path returns the resource as a place lists it.
func (r resource) path() string {
	return strings.Join([]string{r.exporter, r.group, r.class, r.name}, "/")
}

// key identifies a resource in updates, which do not have its class.
func (r resource) key() string { return strings.Join([]string{r.exporter, r.group, r.name}, "/") }

// place is a set of resources that one user at a time acquires.
type place struct {
	name        string
	aliases     []string
	tags        map[string]string
	matches     []match
	acquired    string   // HOST/USER; "" is none
	resources   []string // paths of those that are acquired
	allowed     []string // HOST/USER of others who may use it
	changed     float64  // time of the last change, as the coordinator counts it
	reservation string   // token; "" is none
}

// match is a pattern of resources of a place.
type match struct{ exporter, group, class, name, rename string }

// matches reports whether the pattern matches the resource.
func (m match) matches(r resource) bool {
	return fnmatch(m.exporter, r.exporter) && fnmatch(m.group, r.group) && fnmatch(m.class, r.class) && (m.name == "" || fnmatch(m.name, r.name))
}

// String returns the pattern as labgrid-client takes it.
func (m match) String() string {
	text := strings.Join([]string{m.exporter, m.group, m.class}, "/")
	if m.name != "" {
		text += "/" + m.name
	}
	return text
}

// fnmatch reports whether a pattern of a shell matches a text. A slash is a letter as any other, and [! begins a
// negated class.
func fnmatch(pattern, text string) bool {
	const slash = "\x00" // path.Match does not let * match a slash
	pattern = strings.NewReplacer("/", slash, "[!", "[^", `\`, `\\`).Replace(pattern)
	ok, err := path.Match(pattern, strings.ReplaceAll(text, "/", slash))
	return ok && err == nil
}

// nameOf returns the name of a resource within the place, and whether it belongs to it.
func (p *place) nameOf(r resource) (string, bool) {
	for _, m := range p.matches {
		if m.matches(r) {
			return cmp.Or(m.rename, r.name), true
		}
	}
	return "", false
}

// reservation is a request for a place with certain tags.
type reservation struct {
	owner, token string
	state        uint64
	tags         map[string]string
	place        string // that it got; "" is none
	created      float64
}

// update is a change that the coordinator reports. One of its fields is set.
type update struct {
	resource     *resource
	resourceGone string // key
	place        *place
	placeGone    string // name
}
