package labgrid

import (
	"maps"
	"slices"
)

// place returns the place of that name, nil if there is none.
func (s *session) place(name string) *place {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.places[name]
}

// allPlaces returns all places, sorted by name.
func (s *session) allPlaces() []*place {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*place
	for _, name := range slices.Sorted(maps.Keys(s.places)) {
		all = append(all, s.places[name])
	}
	return all
}

// item is a resource with its name within a place.
type item struct {
	*resource
	name string // within the place
}

// items returns the resources of the place: those that it acquired, or, if it is not acquired, those that it would
// acquire. missing are the patterns without a resource.
func (s *session) items(p *place) (all []item, missing []match) {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := map[match]bool{}
	for _, key := range slices.Sorted(maps.Keys(s.resources)) {
		r := s.resources[key]
		for _, m := range p.matches {
			used[m] = used[m] || m.matches(*r)
		}
		name, ok := p.nameOf(*r)
		if ok && (p.acquired == "" || slices.Contains(p.resources, r.path())) {
			all = append(all, item{r, name})
		}
	}
	for _, m := range p.matches {
		if !used[m] {
			missing = append(missing, m)
		}
	}
	return all, missing
}

// matching returns the resources that match the place, in use or not.
func (s *session) matching(p *place) []item {
	free := *p
	free.acquired = ""
	all, _ := s.items(&free)
	return all
}

// change returns a channel that is closed at the next change.
func (s *session) change() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// ended returns why the stream ended, nil while it is open.
func (s *session) ended() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		return nil
	}
	return errAway(s.conn.address, s.err)
}
