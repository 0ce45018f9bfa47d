package labgrid

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

// syncTimeout bounds the time in which the coordinator sends all places and resources.
const syncTimeout = 30 * time.Second

// session is a client's stream: the coordinator knows the client while it is open, and reports places and
// resources in it. Safe for concurrent use.
type session struct {
	conn *conn
	end  context.CancelFunc // of the stream
	out  *io.PipeWriter     // what is sent

	sending sync.Mutex // one message at a time, and guards what follows
	syncs   uint64     // that were sent

	mu        sync.Mutex // mu guards what follows
	places    map[string]*place
	resources map[string]*resource // by key
	synced    uint64               // the last sync that was answered
	err       error                // why the stream ended
	changed   chan struct{}        // closed at the next change of the above
}

// open opens a session of user, HOST/USER, and waits until all places and resources are known.
func open(ctx context.Context, clk clock.Clock, address, user string) (*session, error) {
	c, err := connect(ctx, clk, address)
	if err != nil {
		return nil, err
	}
	s := &session{conn: c, places: map[string]*place{}, resources: map[string]*resource{}, changed: make(chan struct{})}
	// The stream outlives ctx: the clean-up after an interrupted run needs it.
	streaming, end := context.WithCancel(context.WithoutCancel(ctx))
	in, out := io.Pipe()
	s.end, s.out = end, out
	go s.receive(streaming, in)
	err = s.start(ctx, user)
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// start introduces the client and subscribes to places and resources.
func (s *session) start(ctx context.Context, user string) error {
	for _, m := range []message{
		message(nil).message(inStartup, message(nil).text(startupVersion, "flashlua").text(startupName, user)),
		message(nil).message(inSubscribe, message(nil).number(subscribePlaces, 1)),
		message(nil).message(inSubscribe, message(nil).number(subscribeItems, 1)),
	} {
		if err := s.send(ctx, m); err != nil {
			return err
		}
	}
	return s.sync(ctx)
}

// errClosed is why a stream ended that its owner closed.
var errClosed = errors.New("the session was closed")

func (s *session) close() {
	s.fail(errClosed)
	s.end()
	s.out.Close()
	s.conn.close()
}

// receive applies what the coordinator sends until the stream ends.
func (s *session) receive(ctx context.Context, in *io.PipeReader) {
	err := s.stream(ctx, in)
	in.CloseWithError(err)
	s.fail(err)
}

// fail keeps why the stream ended. The first reason stays.
func (s *session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = cmp.Or(s.err, err)
	s.notifyLocked()
}

// stream returns why the stream ended.
func (s *session) stream(ctx context.Context, in io.Reader) error {
	req, err := s.conn.request(ctx, methodClientStream, in)
	if err != nil {
		return err
	}
	resp, err := s.conn.roundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for {
		m, err := readFrame(resp.Body)
		if err == io.EOF {
			return cmp.Or(statusOf(resp), errors.New("the coordinator ended the session"))
		}
		if err == nil {
			err = s.apply(m)
		}
		if err != nil {
			return err
		}
	}
}

// apply applies a message of the coordinator.
func (s *session) apply(m []byte) error {
	var d decoder
	synced, updates := d.output(m)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range updates {
		switch {
		case u.resource != nil:
			s.resources[u.resource.key()] = u.resource
		case u.place != nil:
			s.places[u.place.name] = u.place
		case u.placeGone != "":
			delete(s.places, u.placeGone)
		default:
			delete(s.resources, u.resourceGone)
		}
	}
	s.synced = max(s.synced, synced)
	s.notifyLocked()
	return d.err
}

// notifyLocked wakes those who wait for a change.
func (s *session) notifyLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// send sends a message. It ends the stream if ctx ends first.
func (s *session) send(ctx context.Context, m message) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	return s.sendLocked(ctx, m)
}

func (s *session) sendLocked(ctx context.Context, m message) error {
	stop := context.AfterFunc(ctx, func() { s.out.CloseWithError(context.Cause(ctx)) })
	defer stop()
	if _, err := s.out.Write(frame(m)); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return errAway(s.conn.address, err)
	}
	return nil
}

// sync waits until all that the coordinator did before has arrived.
func (s *session) sync(ctx context.Context) error {
	ctx, stop := clock.WithTimeout(ctx, s.conn.clock, syncTimeout, fmt.Errorf("no answer within %s", syncTimeout))
	defer stop()
	s.sending.Lock()
	s.syncs++
	number := s.syncs
	err := s.sendLocked(ctx, message(nil).message(inSync, message(nil).number(syncID, number)))
	s.sending.Unlock()
	if err != nil {
		return err
	}
	return s.await(ctx, func() bool { return s.synced >= number })
}

// await waits until done reports true. done is called with mu held, after each change.
func (s *session) await(ctx context.Context, done func() bool) error {
	for {
		s.mu.Lock()
		ok, err, changed := done(), s.err, s.changed
		s.mu.Unlock()
		switch {
		case ok:
			return nil
		case err != nil:
			return errAway(s.conn.address, err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return errAway(s.conn.address, context.Cause(ctx))
		}
	}
}
