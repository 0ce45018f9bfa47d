package labgrid

import (
	"context"
	"maps"
	"slices"
)

// List returns what requests a place of the coordinator: labgrid:NAME for each place, and labgrid:+TAG=VALUE for each
// of their tags, as Parse takes them. It acquires nothing. The error is of kind labgrid.away.
func (c Client) List(ctx context.Context) (all []Request, err error) {
	s, err := open(ctx, c.Clock, c.address(), c.identity())
	if err != nil {
		return nil, err
	}
	defer s.close()
	tags := map[string]Request{} // by the text
	for _, p := range s.allPlaces() {
		all = append(all, Request{Name: p.name})
		for key, value := range p.tags {
			r := Request{Tags: map[string]string{key: value}}
			tags[r.String()] = r
		}
	}
	for _, text := range slices.Sorted(maps.Keys(tags)) {
		all = append(all, tags[text])
	}
	return all, nil
}
