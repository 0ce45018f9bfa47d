package labgrid

import (
	"cmp"
	"fmt"
)

// decoder reads messages. Its first error stays.
type decoder struct{ err error }

func (d *decoder) fields(b []byte) []field {
	all, err := fields(b)
	d.err = cmp.Or(d.err, err)
	return all
}

func (d *decoder) entry(b []byte) (string, []byte) {
	key, value, err := entry(b)
	d.err = cmp.Or(d.err, err)
	return key, value
}

// output decodes a message of the coordinator in the client's stream. synced is the number of the sync that it
// answers, 0 for none.
func (d *decoder) output(b []byte) (synced uint64, updates []update) {
	for _, f := range d.fields(b) {
		switch f.id {
		case outSync:
			for _, f := range d.fields(f.bytes) {
				if f.id == syncID {
					synced = f.number
				}
			}
		case outUpdate:
			updates = append(updates, d.update(f.bytes))
		}
	}
	return synced, updates
}

func (d *decoder) update(b []byte) (u update) {
	for _, f := range d.fields(b) {
		switch f.id {
		case updateResource:
			u.resource = d.resource(f.bytes)
		case updateResourceGone:
			var r resource
			d.path(f.bytes, &r)
			u.resourceGone = r.key()
		case updatePlace:
			u.place = d.place(f.bytes)
		case updatePlaceGone:
			u.placeGone = f.text()
		}
	}
	return u
}

func (d *decoder) path(b []byte, r *resource) {
	for _, f := range d.fields(b) {
		switch f.id {
		case pathExporter:
			r.exporter = f.text()
		case pathGroup:
			r.group = f.text()
		case pathName:
			r.name = f.text()
		}
	}
}

func (d *decoder) resource(b []byte) *resource {
	r := &resource{params: map[string]string{}, extra: map[string]string{}}
	for _, f := range d.fields(b) {
		switch f.id {
		case resourcePath:
			d.path(f.bytes, r)
		case resourceClass:
			r.class = f.text()
		case resourceParams:
			d.param(f.bytes, r.params)
		case resourceExtra:
			d.param(f.bytes, r.extra)
		case resourceAcquired:
			r.acquired = f.text()
		case resourceAvail:
			r.avail = f.number != 0
		}
	}
	return r
}

// param adds a parameter to a map. A parameter without a value is left out.
func (d *decoder) param(b []byte, to map[string]string) {
	key, value := d.entry(b)
	for _, f := range d.fields(value) {
		switch f.id {
		case valueBool:
			to[key] = fmt.Sprint(f.number != 0)
		case valueInt:
			to[key] = fmt.Sprint(int64(f.number))
		case valueUint:
			to[key] = fmt.Sprint(f.number)
		case valueDouble:
			to[key] = fmt.Sprint(f.double())
		case valueText:
			to[key] = f.text()
		}
	}
}

func (d *decoder) place(b []byte) *place {
	p := &place{tags: map[string]string{}}
	for _, f := range d.fields(b) {
		switch f.id {
		case placeName:
			p.name = f.text()
		case placeAliases:
			p.aliases = append(p.aliases, f.text())
		case placeTags:
			key, value := d.entry(f.bytes)
			p.tags[key] = string(value)
		case placeMatches:
			p.matches = append(p.matches, d.match(f.bytes))
		case placeAcquired:
			p.acquired = f.text()
		case placeResources:
			p.resources = append(p.resources, f.text())
		case placeAllowed:
			p.allowed = append(p.allowed, f.text())
		case placeChanged:
			p.changed = f.double()
		case placeReservation:
			p.reservation = f.text()
		}
	}
	return p
}

func (d *decoder) match(b []byte) (m match) {
	for _, f := range d.fields(b) {
		switch f.id {
		case matchExporter:
			m.exporter = f.text()
		case matchGroup:
			m.group = f.text()
		case matchClass:
			m.class = f.text()
		case matchName:
			m.name = f.text()
		case matchRename:
			m.rename = f.text()
		}
	}
	return m
}

// reservations decodes the reply to a call that creates, polls or lists reservations.
func (d *decoder) reservations(b []byte) (all []reservation) {
	for _, f := range d.fields(b) {
		if f.id == reservationReply {
			all = append(all, d.reservation(f.bytes))
		}
	}
	return all
}

func (d *decoder) reservation(b []byte) (r reservation) {
	for _, f := range d.fields(b) {
		switch f.id {
		case reservationOwner:
			r.owner = f.text()
		case reservationToken:
			r.token = f.text()
		case reservationState:
			r.state = f.number
		case reservationFilters:
			_, filter := d.entry(f.bytes)
			r.tags = map[string]string{}
			for _, f := range d.fields(filter) {
				if f.id == filterTags {
					key, value := d.entry(f.bytes)
					r.tags[key] = string(value)
				}
			}
		case reservationPlaces:
			_, name := d.entry(f.bytes)
			r.place = string(name)
		case reservationCreated:
			r.created = f.double()
		}
	}
	return r
}
