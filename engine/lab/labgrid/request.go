package labgrid

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// Request names a place: by its name or alias, by tags that it must have, or by a reservation that was made
// before. One of its fields is set. Plain data: safe for concurrent use while nothing changes it.
type Request struct {
	Name  string
	Tags  map[string]string
	Token string
}

// tagKey matches a key of a tag; a coordinator refuses others.
var tagKey = regexp.MustCompile(`^[a-z][a-z0-9_]+$`)

// Parse parses labgrid:NAME, labgrid:+TAG=VALUE[,TAG=VALUE…] and labgrid:+TOKEN. The error is of kind usage.
func Parse(text string) (Request, error) {
	rest, ok := strings.CutPrefix(text, "labgrid:")
	list, chosen := strings.CutPrefix(rest, "+")
	switch {
	case !ok || rest == "":
		return Request{}, errRequest(text)
	case !chosen:
		return Request{Name: rest}, nil
	case !strings.Contains(list, "="):
		return Request{Token: list}, nil
	}
	tags := map[string]string{}
	for pair := range strings.SplitSeq(list, ",") {
		key, value, ok := strings.Cut(pair, "=")
		if _, twice := tags[key]; !ok || value == "" || twice || !tagKey.MatchString(key) {
			return Request{}, errRequest(text)
		}
		tags[key] = value
	}
	return Request{Tags: tags}, nil
}

func errRequest(text string) error {
	return classify.WithHint(classify.New(classify.Usage, "%q is not a place of a labgrid coordinator", text),
		"write labgrid:NAME, labgrid:+TAG=VALUE,TAG=VALUE for any place with these tags, or labgrid:+TOKEN for a reservation; "+
			"a tag has two or more of a-z, 0-9 and _")
}

// String returns the text that Parse takes.
func (r Request) String() string {
	if r.Name != "" {
		return "labgrid:" + r.Name
	}
	return "labgrid:+" + cmp.Or(r.Token, tagText(r.Tags))
}

// tagText returns tags as text, sorted.
func tagText(tags map[string]string) string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		pairs = append(pairs, key+"="+tags[key])
	}
	return strings.Join(pairs, ",")
}

// hasTags reports whether the place has all of the tags. As for a coordinator, the tag name is the place's name.
func (p *place) hasTags(tags map[string]string) bool {
	for key, value := range tags {
		if p.tags[key] != value && !(key == "name" && p.name == value) {
			return false
		}
	}
	return true
}
