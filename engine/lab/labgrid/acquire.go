package labgrid

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// availTimeout bounds how long a resource of an acquired place may take to become available. An exporter starts
// ser2net when the place is acquired.
const availTimeout = 10 * time.Second

// Acquire acquires the place of a request and returns it with its console and its power. The caller must release it.
//
// A place that the same user on the same host has acquired already, or that its holder has allowed the user to use,
// stays acquired after the release. The error is of kind labgrid.place if the request cannot work, of kind
// labgrid.held if others use the place, and of kind labgrid.away if the coordinator or an exporter does not answer.
// Then nothing stays acquired.
func (c Client) Acquire(ctx context.Context, r Request) (*Place, error) {
	s, err := open(ctx, c.Clock, c.address(), c.identity())
	if err == nil {
		var p *Place
		if p, err = c.acquire(ctx, s, r); err == nil {
			return p, nil
		}
		s.close()
	}
	return nil, interrupted(ctx, err, r)
}

// interrupted returns the end of ctx as the error, if ctx has ended.
func interrupted(ctx context.Context, err error, r Request) error {
	if ctx.Err() != nil {
		return classify.Wrap(context.Cause(ctx), "", "acquiring the place %s", r)
	}
	return err
}

// Look returns the place of a request as it is, and acquires nothing: the console has port 0 if it is opened for each
// acquisition. It is meant for a dry run. The errors are those of Acquire, but a place that others use is none.
func (c Client) Look(ctx context.Context, r Request) (*Place, error) {
	s, err := open(ctx, c.Clock, c.address(), c.identity())
	if err != nil {
		return nil, interrupted(ctx, err, r)
	}
	defer s.close()
	var p *place
	switch {
	case r.Name != "":
		p, err = c.find(s, r.Name)
	case r.Tags == nil:
		p, err = c.reserved(s, r.Token)
	default:
		var all []*place
		if all, err = c.tagged(s, r.Tags); err == nil {
			p = all[0]
		}
	}
	if err != nil {
		return nil, err
	}
	found, err := c.connections(s, p)
	if err != nil {
		return nil, err
	}
	return &Place{name: p.name, connections: found}, nil
}

// acquire is Acquire within a session.
func (c Client) acquire(ctx context.Context, s *session, r Request) (*Place, error) {
	p, unreserve, err := c.choose(ctx, s, r)
	if unreserve != nil {
		defer c.cleanUp(ctx, unreserve) // the coordinator keeps an acquired place without it
	}
	if err != nil {
		return nil, err
	}
	if _, err := c.connections(s, p); err != nil && (p.acquired == "" || p.acquired == c.identity()) {
		return nil, err
	}
	claim, err := c.claim(ctx, s, p)
	if err != nil {
		return nil, err
	}
	pl := &Place{name: p.name, client: c, session: s, claim: claim, ending: make(chan struct{}), lost: make(chan struct{})}
	if err := pl.take(ctx, r); err != nil {
		c.cleanUp(ctx, func(ctx context.Context) { err = classify.WithSecondary(err, pl.giveBack(ctx)) })
		claim.release()
		return nil, err
	}
	go pl.watch()
	return pl, nil
}

// cleanUp calls f with a context that the end of ctx does not end.
func (c Client) cleanUp(ctx context.Context, f func(context.Context)) {
	ctx, stop := c.cleanupContext(ctx)
	defer stop()
	f(ctx)
}

func (c Client) cleanupContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return clock.WithTimeout(context.WithoutCancel(ctx), c.Clock, cleanupTimeout, fmt.Errorf("no end within %s", cleanupTimeout))
}

// claim keeps other processes of this machine off the place, and waits for them.
func (c Client) claim(ctx context.Context, s *session, p *place) (*claim, error) {
	end := c.Clock.Now().Add(c.Wait)
	for noted := false; ; noted = true {
		cl, holder, err := claimPlace(claimDir(), s.conn.address, c.identity(), p.name)
		switch {
		case err != nil || cl != nil:
			return cl, err
		case !c.Clock.Now().Before(end):
			return nil, classify.WithHint(classify.New(classify.LabgridHeld, "the labgrid place %s is in use on this machine by %s", p.name, holder),
				"try again later, or wait with --wait 30m")
		case !noted:
			c.note(fmt.Sprintf("waiting up to %s for the labgrid place %s, which is in use on this machine by %s", c.Wait, p.name, holder))
		}
		if err := c.Clock.Sleep(ctx, pollInterval); err != nil {
			return nil, err
		}
	}
}

// take makes the place this process's own and reads its connections.
func (p *Place) take(ctx context.Context, r Request) error {
	c, s := p.client, p.session
	if err := s.sync(ctx); err != nil { // it may have changed since, above all while this process waited
		return err
	}
	now := s.place(p.name)
	switch {
	case now == nil:
		return classify.New(classify.LabgridPlace, "the labgrid place %s is gone", p.name)
	case now.acquired == c.identity():
		if p.release = p.claim.acquisition() == acquisitionNote(now); p.release {
			c.note(fmt.Sprintf("the labgrid place %s is still held by an earlier run that was killed", p.name))
		} else {
			c.note(fmt.Sprintf("the labgrid place %s was acquired by %s before, and stays so", p.name, now.acquired))
		}
	case slices.Contains(now.allowed, c.identity()):
		c.note(fmt.Sprintf("the labgrid place %s is held by %s, who allows %s to use it", p.name, now.acquired, c.identity()))
	default:
		if err := p.acquire(ctx, now, r); err != nil {
			return err
		}
		p.release = true
		c.note(fmt.Sprintf("acquired the labgrid place %s", p.name))
	}
	if err := s.sync(ctx); err != nil {
		return err
	}
	return p.settle(ctx)
}

// acquire acquires the place from the coordinator. If others use it and the client waits, it queues.
func (p *Place) acquire(ctx context.Context, now *place, r Request) error {
	c, s := p.client, p.session
	err := errHeld(now)
	if now.acquired == "" {
		err = c.acquireFree(ctx, s, now)
	}
	if err == nil || c.Wait <= 0 || r.Tags != nil || classify.Find(err, classify.LabgridHeld) == nil {
		return err
	}
	_, unreserve, err := c.reserve(ctx, s, map[string]string{"name": p.name}, []*place{now})
	if err != nil {
		return err
	}
	defer c.cleanUp(ctx, unreserve)
	return c.acquireFree(ctx, s, now)
}

// errHeld returns the error of a place that another user has acquired.
func errHeld(p *place) error {
	return classify.WithHint(classify.New(classify.LabgridHeld, "the labgrid place %s is held by %s", p.name, p.acquired),
		"try again later, wait with --wait 30m, or let the holder run: labgrid-client -p %s allow HOST/USER", p.name)
}

// acquireFree acquires a place that is free as far as is known.
func (c Client) acquireFree(ctx context.Context, s *session, p *place) error {
	_, err := s.conn.call(ctx, methodAcquire, message(nil).text(acquirePlace, p.name))
	code := refusal(err)
	if code == 0 {
		return err
	}
	if s.sync(ctx) == nil {
		if now := s.place(p.name); now != nil && now.acquired != "" {
			return errHeld(now)
		}
	}
	for _, i := range s.matching(p) {
		switch i.acquired {
		case "":
		case "<broken>":
			return classify.WithHint(classify.Wrap(err, classify.LabgridPlace, "the labgrid place %s cannot be acquired: the resource %s is broken", p.name, i.path()),
				"read the log of the exporter %s, and restart it", i.exporter)
		default:
			return classify.WithHint(classify.Wrap(err, classify.LabgridHeld, "the labgrid place %s cannot be acquired: the place %s uses its resource %s", p.name, i.acquired, i.path()),
				"try again later, or wait with --wait 30m")
		}
	}
	return classify.WithHint(c.refused(err, "the labgrid coordinator refuses the place %s", p.name), "labgrid-client -p %s show says who uses it, and who has reserved it", p.name)
}

// settle waits until the resources of the place are available, and keeps its connections.
func (p *Place) settle(ctx context.Context) error {
	ctx, stop := clock.WithTimeout(ctx, p.client.Clock, availTimeout, errNotAvailable)
	defer stop()
	for {
		changed := p.session.change()
		now := p.session.place(p.name)
		if now == nil || now.acquired == "" {
			return classify.New(classify.LabgridHeld, "the labgrid place %s was released by someone else", p.name)
		}
		found, err := p.client.connections(p.session, now)
		if err == nil && found.pending == "" {
			p.connections, p.holder, p.note = found, now.acquired, acquisitionNote(now)
			return p.keepNote()
		}
		if err != nil {
			return err
		}
		select {
		case <-changed:
			if err := p.session.ended(); err != nil {
				return err
			}
		case <-ctx.Done():
			return classify.WithHint(classify.Wrap(context.Cause(ctx), classify.LabgridAway, "the resource %s of the labgrid place %s", found.pending, p.name),
				"check that its device is connected to the exporter: labgrid-client -p %s show", p.name)
		}
	}
}

var errNotAvailable = errors.New("the exporter did not make it available within " + availTimeout.String())
