package labgrid

import (
	"context"
	"fmt"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// Acquire acquires the place of a request and returns it with its console and its power. The caller must release
// it.
//
// A place that the same user on the same host has acquired already, or that its holder has allowed the user to
// use, stays acquired after the release. The error is of kind labgrid.place if the request cannot work, of kind
// labgrid.held if others use the place, and of kind labgrid.away if the coordinator or an exporter does not
// answer. Then nothing stays acquired.
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

// Look returns the place of a request as it is, and acquires nothing: the console has port 0 if it is opened for
// each acquisition. It is meant for a dry run. The errors are those of Acquire, but a place that others use is
// none.
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
		cl, holder, err := claimPlace(claimDir(), s.conn.identity, c.identity(), p.name)
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
