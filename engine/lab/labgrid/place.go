package labgrid

import (
	"context"
	"sync"

	"github.com/flashlua/flashlua/classify"
)

// Place is an acquired place. Its methods are safe for concurrent use.
type Place struct {
	connections
	name    string
	client  Client
	session *session
	claim   *claim
	holder  string // who has acquired it
	release bool   // this process has acquired it
	note    string // of the claim

	ending  chan struct{} // closed when Release begins
	endOnce sync.Once
	lost    chan struct{} // closed when someone else has released the place
	lostErr error         // why; valid once lost is closed
}

// Name returns the name of the place.
func (p *Place) Name() string { return p.name }

// Port returns the console, as transport.Open takes it; "" if it has none.
func (p *Place) Port() string { return p.port }

// Power returns the power driver, as power.Open takes it; "" if it has none.
func (p *Place) Power() string { return p.power }

// Err returns why the place was lost, nil while it is not: someone else has released it while it was in use. It is
// not lost if the coordinator goes away: the board is still connected, and what is written can be verified.
func (p *Place) Err() error {
	select {
	case <-p.lost:
		return p.lostErr
	default:
		return nil
	}
}

// keepNote records the acquisition for the next process, if it is this process's own.
func (p *Place) keepNote() error {
	note := p.note
	if !p.release {
		note = ""
	}
	if err := p.claim.write(note); err != nil {
		return classify.Wrap(err, classify.LabgridPlace, "cannot record the acquisition of the labgrid place %s", p.name)
	}
	return nil
}

// watch closes lost when someone else has released the place. It ends with the session, or when Release begins.
func (p *Place) watch() {
	for {
		changed := p.session.change()
		err, now := p.session.ended(), p.session.place(p.name)
		select {
		case <-p.ending:
			return
		default:
		}
		switch {
		case err != nil:
			p.client.note("the run goes on without the coordinator: " + err.Error())
			return
		case now == nil || now.acquired == "":
			p.lose(classify.New(classify.LabgridLost, "the labgrid place %s was released by someone else while it was in use", p.name))
			return
		case now.acquired != p.holder:
			p.lose(classify.New(classify.LabgridLost, "the labgrid place %s was taken by %s while it was in use", p.name, now.acquired))
			return
		}
		select {
		case <-changed:
		case <-p.ending:
			return
		}
	}
}

func (p *Place) lose(err error) {
	p.lostErr = err
	close(p.lost)
}

// Release releases the place, unless it was acquired before or another user has it meanwhile. The error says that
// the place may still be acquired.
func (p *Place) Release(ctx context.Context) error {
	p.endOnce.Do(func() { close(p.ending) })
	err := p.giveBack(ctx)
	p.session.close()
	p.claim.release()
	return err
}

// giveBack releases the place at the coordinator. If the connection is lost, it tries another one.
func (p *Place) giveBack(ctx context.Context) error {
	if !p.release {
		return nil
	}
	m := message(nil).text(releasePlace, p.name).text(releaseFrom, p.client.identity())
	_, err := p.session.conn.call(ctx, methodRelease, m)
	if err != nil && refusal(err) == 0 {
		var again *conn
		if again, err = connect(ctx, p.client.Clock, p.session.conn.address); err == nil {
			_, err = again.call(ctx, methodRelease, m)
			again.close()
		}
	}
	if err != nil {
		return classify.WithHint(classify.Wrap(err, classify.LabgridAway, "the labgrid place %s could not be released", p.name),
			"labgrid-client -p %s release", p.name)
	}
	p.release = false
	return p.keepNote()
}
