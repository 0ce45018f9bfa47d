package labgrid

import (
	"context"
	"fmt"
	"time"

	"github.com/flashlua/flashlua/classify"
)

const (
	// pollInterval is the pause between two looks at a reservation, or at a place that is in use on this machine.
	// A coordinator drops a reservation that is not polled for 60 s.
	pollInterval = time.Second
	// cleanupTimeout bounds the clean-up of a reservation.
	cleanupTimeout = 5 * time.Second
)

// reserve reserves one of the candidates, which have the tags, and waits until the coordinator has assigned it.
// The coordinator serves reservations in order of their creation. release ends the reservation.
func (c Client) reserve(ctx context.Context, s *session, tags map[string]string, candidates []*place) (p *place, release func(context.Context), err error) {
	filter := message(nil).texts(filterTags, tags)
	entry := message(nil).text(entryKey, reservationGroup).message(entryValue, filter)
	b, err := s.conn.call(ctx, methodReserve, message(nil).message(reserveFilters, entry).double(reservePriority, 0))
	if err != nil {
		return nil, nil, c.refused(err, "cannot reserve a labgrid place with %s", tagText(tags))
	}
	r, err := one(b)
	if err != nil {
		return nil, nil, errAway(s.conn.address, err)
	}
	release = func(ctx context.Context) { s.conn.call(ctx, methodCancel, message(nil).text(tokenOnly, r.token)) }
	name, err := c.awaitReservation(ctx, s, r, candidates)
	if err == nil {
		err = s.sync(ctx)
	}
	if p = s.place(name); err == nil && p == nil {
		err = classify.New(classify.LabgridPlace, "the labgrid place %s, which was reserved, is gone", name)
	}
	if err != nil {
		ctx, stop := c.cleanupContext(ctx)
		defer stop()
		release(ctx)
		return nil, nil, err
	}
	return p, release, nil
}

// one returns the reservation of a reply.
func one(reply []byte) (reservation, error) {
	var d decoder
	all := d.reservations(reply)
	if d.err == nil && len(all) != 1 {
		d.err = fmt.Errorf("it answered with %d reservations instead of one", len(all))
	}
	if d.err != nil {
		return reservation{}, d.err
	}
	return all[0], nil
}

// awaitReservation waits until the reservation has a place, and returns its name.
func (c Client) awaitReservation(ctx context.Context, s *session, r reservation, candidates []*place) (name string, err error) {
	end := c.Clock.Now().Add(c.Wait)
	for noted := false; ; noted = true {
		switch {
		case r.place != "" && (r.state == reservationAllocated || r.state == reservationInUse):
			return r.place, nil
		case r.state != reservationWaiting:
			return "", classify.New(classify.LabgridHeld, "the labgrid coordinator at %s dropped the reservation %s", s.conn.address, r.token)
		case !c.Clock.Now().Before(end):
			return "", c.errInUse(s, r.tags, candidates)
		case !noted:
			c.note(fmt.Sprintf("waiting up to %s for a labgrid place with %s: %s, %s", c.Wait, tagText(r.tags), describeHolders(s, candidates), c.position(ctx, s, r)))
		}
		if err := c.Clock.Sleep(ctx, pollInterval); err != nil {
			return "", err
		}
		b, err := s.conn.call(ctx, methodPoll, message(nil).text(tokenOnly, r.token))
		if err == nil {
			r, err = one(b)
		}
		if err != nil {
			return "", c.refused(err, "cannot poll the labgrid reservation %s", r.token)
		}
	}
}

// position describes how many reservations for the same tags are older.
func (c Client) position(ctx context.Context, s *session, mine reservation) string {
	b, err := s.conn.call(ctx, methodReservations, nil)
	if err != nil {
		return "position unknown"
	}
	var d decoder
	older := 0
	for _, r := range d.reservations(b) {
		if r.state == reservationWaiting && r.created < mine.created && tagText(r.tags) == tagText(mine.tags) {
			older++
		}
	}
	return fmt.Sprintf("%d before this job", older)
}

// errInUse returns the error of places that are all in use.
func (c Client) errInUse(s *session, tags map[string]string, candidates []*place) error {
	err := error(classify.New(classify.LabgridHeld, "no labgrid place with %s is free: %s", tagText(tags), describeHolders(s, candidates)))
	if c.Wait > 0 {
		err = classify.New(classify.LabgridHeld, "no labgrid place with %s became free within %s: %s", tagText(tags), c.Wait, describeHolders(s, candidates))
	}
	return classify.WithHint(err, "try again later, or wait with --wait 30m")
}

// describeHolders says who uses the places.
func describeHolders(s *session, all []*place) string {
	var held []string
	for _, p := range all {
		if now := s.place(p.name); now != nil {
			p = now
		}
		switch {
		case p.acquired != "":
			held = append(held, fmt.Sprintf("%s is held by %s", p.name, p.acquired))
		case p.reservation != "":
			held = append(held, fmt.Sprintf("%s is reserved (%s)", p.name, p.reservation))
		}
	}
	if len(held) == 0 {
		return "all are assigned to other reservations"
	}
	return list(held)
}

// refused returns the error of a call that the coordinator refused or did not answer.
func (c Client) refused(err error, format string, args ...any) error {
	switch refusal(err) {
	case 0:
		return err // of kind labgrid.away
	case codeFailedPrecondition, codePermissionDenied:
		return classify.Wrap(err, classify.LabgridHeld, format, args...)
	}
	return classify.Wrap(err, classify.LabgridPlace, format, args...)
}
