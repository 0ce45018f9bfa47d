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
