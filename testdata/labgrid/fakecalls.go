package labgrid

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// The codes of the refusals.
const (
	invalidArgument    = 3
	permissionDenied   = 7
	failedPrecondition = 9
	unimplemented      = 12
)

// call answers a call.
func (l *fakeLab) call(peer, method string, m []byte) (reply []byte, refused *refusal) {
	name := string(find(m, 1))
	switch method {
	case "GetPlaces":
		for _, p := range l.places {
			reply = inner(reply, 1, p.encode())
		}
		return reply, nil
	case "AddPlace":
		l.places[name] = &fakePlace{name: name, tags: map[string]string{}, names: map[string]string{}}
		l.touch(l.places[name])
		return nil, nil
	case "CreateReservation":
		return l.reserve(peer, m), nil
	case "GetReservations":
		for _, r := range l.reservations {
			reply = inner(reply, 1, r.encode())
		}
		return reply, nil
	case "PollReservation", "CancelReservation":
		return l.reservation(method, name)
	}
	p := l.places[name]
	if p == nil {
		return nil, &refusal{invalidArgument, fmt.Sprintf("Place %s does not exist", name)}
	}
	second := string(find(m, 2))
	switch method {
	case "AddPlaceMatch":
		p.matches = append(p.matches, second)
		p.names[second] = string(find(m, 3))
	case "AddPlaceAlias":
		p.aliases = append(p.aliases, second)
	case "SetPlaceTags":
		for _, f := range split(m)[1:] {
			p.tags[string(find(f.bytes, 1))] = string(find(f.bytes, 2))
		}
	case "AllowPlace":
		p.allowed = append(p.allowed, second)
	case "AcquirePlace":
		return nil, l.acquire(peer, p)
	case "ReleasePlace":
		return nil, l.release(p, second, has(m, 2))
	default:
		return nil, &refusal{unimplemented, "Method not found!"}
	}
	l.touch(p)
	return nil, nil
}

// acquire acquires a place and its resources.
func (l *fakeLab) acquire(peer string, p *fakePlace) *refusal {
	c := l.clients[peer]
	switch {
	case c == nil:
		return &refusal{failedPrecondition, fmt.Sprintf("Peer %s does not have a valid session", peer)}
	case p.acquired != "":
		return &refusal{failedPrecondition, fmt.Sprintf("Place %s is already acquired", p.name)}
	}
	for _, r := range l.reservations {
		if p.reservation == r.token && r.owner != c.name {
			return &refusal{permissionDenied, fmt.Sprintf("Place %s was not reserved for %s", p.name, c.name)}
		}
	}
	var found []*fakeResource
	for _, r := range l.resources {
		if slices.ContainsFunc(p.matches, func(pattern string) bool { return r.matches(pattern) }) {
			found = append(found, r)
		}
	}
	if slices.ContainsFunc(found, func(r *fakeResource) bool { return r.acquired != "" }) {
		return &refusal{failedPrecondition, fmt.Sprintf("Failed to acquire resources for place %s", p.name)}
	}
	for _, r := range found {
		r.acquired = p.name
		if r.Class == "RawSerialPort" {
			l.ports++
			r.port = 10000 + l.ports
		}
		l.publish(inner(nil, 2, inner(nil, 1, r.encode())))
	}
	p.acquired, p.resources = c.name, found
	l.touch(p)
	return nil
}

// matches reports whether a pattern, EXPORTER/GROUP/CLASS[/NAME], matches the resource.
func (r *fakeResource) matches(pattern string) bool {
	parts := strings.Split(pattern, "/")
	for i, text := range []string{Exporter, r.Group, r.class(), r.Name}[:len(parts)] {
		if ok, _ := path.Match(parts[i], text); !ok {
			return false
		}
	}
	return true
}

// release releases a place, if fromUser is set only if that user has it.
func (l *fakeLab) release(p *fakePlace, fromUser string, only bool) *refusal {
	if only && p.acquired != fromUser {
		return nil
	}
	if p.acquired == "" {
		return &refusal{failedPrecondition, fmt.Sprintf("Place %s is not acquired", p.name)}
	}
	for _, r := range p.resources {
		r.acquired, r.port = "", 0
		l.publish(inner(nil, 2, inner(nil, 1, r.encode())))
	}
	p.acquired, p.resources, p.allowed = "", nil, nil
	l.touch(p)
	l.schedule()
	return nil
}

// reserve creates a reservation.
func (l *fakeLab) reserve(peer string, m []byte) []byte {
	l.changes++
	r := &fakeReservation{owner: l.clients[peer].name, token: fmt.Sprintf("TOKEN%d", l.changes), tags: map[string]string{}, created: l.changes}
	filters := find(m, 1)
	for _, f := range split(find(filters, 2)) {
		r.tags[string(find(f.bytes, 1))] = string(find(f.bytes, 2))
	}
	l.reservations = append(l.reservations, r)
	l.schedule()
	return inner(nil, 1, r.encode())
}

// reservation polls or cancels a reservation.
func (l *fakeLab) reservation(method, token string) ([]byte, *refusal) {
	at := slices.IndexFunc(l.reservations, func(r *fakeReservation) bool { return r.token == token })
	if at < 0 {
		return nil, &refusal{failedPrecondition, fmt.Sprintf("Reservation %s does not exist", token)}
	}
	if method == "PollReservation" {
		return inner(nil, 1, l.reservations[at].encode()), nil
	}
	l.reservations = slices.Delete(l.reservations, at, at+1)
	l.schedule()
	return nil, nil
}

// schedule assigns free places to reservations, the oldest first.
func (l *fakeLab) schedule() {
	for _, p := range l.places {
		if at := slices.IndexFunc(l.reservations, func(r *fakeReservation) bool { return r.place == p.name }); at < 0 {
			p.reservation = ""
		}
	}
	for _, r := range l.reservations {
		for _, p := range l.places {
			if r.place == "" && p.acquired == "" && p.reservation == "" && p.fits(r.tags) {
				r.place, p.reservation = p.name, r.token
			}
		}
	}
}

func (p *fakePlace) fits(tags map[string]string) bool {
	for key, value := range tags {
		if p.tags[key] != value && !(key == "name" && p.name == value) {
			return false
		}
	}
	return true
}
