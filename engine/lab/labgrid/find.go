package labgrid

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// maxNames is how many names an error lists.
const maxNames = 8

// find returns the place with a name or alias. An alias USER:ALIAS is for that user.
func (c Client) find(s *session, name string) (*place, error) {
	if p := s.place(name); p != nil {
		return p, nil
	}
	all := s.allPlaces()
	var found []*place
	for _, p := range all {
		if slices.Contains(p.aliases, c.User+":"+name) {
			return p, nil
		}
		if slices.Contains(p.aliases, name) {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 0:
		return nil, classify.WithHint(classify.New(classify.LabgridPlace, "the labgrid coordinator at %s has no place %q", s.conn.address, name),
			"%s", describeNames(similar(name, all), all))
	case 1:
		return found[0], nil
	}
	return nil, classify.WithHint(classify.New(classify.LabgridPlace, "%q is an alias of several labgrid places", name),
		"use the name of one: %s", list(names(found)))
}

// describeNames returns the hint of an unknown place.
func describeNames(near []string, all []*place) string {
	switch {
	case len(near) > 0:
		return "similar names are " + list(near)
	case len(all) == 0:
		return "it has no places at all: labgrid-client -p NAME create"
	}
	return "its places are " + list(names(all))
}

func names(all []*place) (names []string) {
	for _, p := range all {
		names = append(names, p.name)
	}
	return names
}

// list returns up to maxNames names as text.
func list(names []string) string {
	if len(names) > maxNames {
		return strings.Join(names[:maxNames], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// similar returns the names and aliases of places that contain name or are contained in it, without regard to
// case, or have most of their letter pairs in common with it; the nearest first.
func similar(name string, all []*place) []string {
	rank := map[string]float64{}
	for _, p := range all {
		for _, known := range append([]string{p.name}, p.aliases...) {
			a, b := strings.ToLower(name), strings.ToLower(known)
			score := likeness(a, b)
			if strings.Contains(a, b) || strings.Contains(b, a) {
				score++
			}
			if score >= 0.5 {
				rank[known] = score
			}
		}
	}
	return slices.SortedFunc(maps.Keys(rank), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank[b], rank[a]), cmp.Compare(a, b))
	})
}

// likeness returns the share of the pairs of adjacent letters that two words have in common, from 0 to 1.
func likeness(a, b string) float64 {
	pairs := map[string]int{}
	for i := range max(len(a)-1, 0) {
		pairs[a[i:i+2]]++
	}
	common := 0
	for i := range max(len(b)-1, 0) {
		if pair := b[i : i+2]; pairs[pair] > 0 {
			pairs[pair]--
			common++
		}
	}
	return 2 * float64(common) / float64(max(len(a)+len(b)-2, 1))
}

// reserved returns the place of a reservation that was made before.
func (c Client) reserved(s *session, token string) (*place, error) {
	token = cmp.Or(token, c.Token)
	if token == "" {
		return nil, classify.WithHint(classify.New(classify.Usage, "the place labgrid:+ means the reservation of LG_TOKEN, which is not set"),
			"set LG_TOKEN, or write labgrid:+TOKEN or labgrid:+TAG=VALUE")
	}
	for _, p := range s.allPlaces() {
		if p.reservation == token {
			return p, nil
		}
	}
	return nil, classify.WithHint(classify.New(classify.LabgridPlace, "the labgrid coordinator at %s has no place that the reservation %s got", s.conn.address, token),
		"labgrid-client reservations lists them; labgrid-client wait %s waits until it has got a place", token)
}

// tagged returns the places with the tags, or an error if there are none.
func (c Client) tagged(s *session, tags map[string]string) (found []*place, err error) {
	all := s.allPlaces()
	for _, p := range all {
		if p.hasTags(tags) {
			found = append(found, p)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	var values []string
	for _, p := range all {
		for key := range tags {
			if value, ok := p.tags[key]; ok {
				values = append(values, key+"="+value)
			}
		}
	}
	hint := "no place has a tag of that name: labgrid-client -p PLACE set-tags TAG=VALUE"
	if slices.Sort(values); len(values) > 0 {
		hint = "it has places with " + list(slices.Compact(values))
	}
	return nil, classify.WithHint(classify.New(classify.LabgridPlace, "the labgrid coordinator at %s has no place with %s", s.conn.address, tagText(tags)), "%s", hint)
}

// leftover returns a place that a run of this user on this machine acquired before it was killed, nil if there is
// none.
func (c Client) leftover(s *session, candidates []*place) *place {
	for _, p := range candidates {
		if p.acquired != c.identity() {
			continue
		}
		if cl, _, _ := claimPlace(claimDir(), s.conn.identity, c.identity(), p.name); cl != nil {
			note := cl.acquisition()
			cl.release()
			if note == acquisitionNote(p) {
				return p
			}
		}
	}
	return nil
}

// choose returns the place that a request means. release, if not nil, ends the reservation that was made for it.
func (c Client) choose(ctx context.Context, s *session, r Request) (p *place, release func(context.Context), err error) {
	switch {
	case r.Name != "":
		p, err = c.find(s, r.Name)
	case r.Tags == nil:
		p, err = c.reserved(s, r.Token)
	default:
		var candidates []*place
		if candidates, err = c.tagged(s, r.Tags); err != nil {
			return nil, nil, err
		}
		if p = c.leftover(s, candidates); p == nil {
			return c.reserve(ctx, s, r.Tags, candidates)
		}
	}
	return p, nil, err
}
