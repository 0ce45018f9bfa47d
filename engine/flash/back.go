package flash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/image"
	"github.com/flashlua/flashlua/engine/serve"
)

// compareHere has the board send groups, and compares them on the station.
func (w *Writing) compareHere(ctx context.Context, groups []group) (bad set, err error) {
	d, m := w.dut, w.Medium
	var l list
	for _, g := range groups {
		l.add("send", g.run)
	}
	type arrival struct {
		bad set
		err error
	}
	sent := &transfer{verb: "sent", total: l.size, idle: fetchStall, after: fetchStall, progress: func(int64) {}}
	ctx, stop := d.watch(ctx, sent)
	defer stop()
	var begun atomic.Bool
	arrived := make(chan arrival, 1)
	path, withdraw := d.HTTP.Offer(serve.Offer{Content: serve.Content{Name: "back"}, To: d.peer, Take: func(r io.Reader) {
		if !begun.Swap(true) {
			bad, err := w.compareStream(groups, arriving{r, sent.add})
			arrived <- arrival{bad, err}
		}
	}})
	defer withdraw()
	a, err := d.look(ctx, m, limit{line: sent.renew}, &l, "upload", w.way.program, d.url(path), fmt.Sprint(l.size))
	if err != nil {
		return nil, err
	}
	nothing := errors.New("nothing came")
	came := arrival{err: nothing}
	if begun.Load() { // the board is done with it, and so its connection is over, or will be
		select {
		case came = <-arrived:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	w.said = a
	switch {
	case classify.Facts(came.err).Kind != "":
		return nil, came.err
	case a.number("read") > 0 && (came.err == nil || came.err == nothing || errors.Is(came.err, io.ErrUnexpectedEOF)): // not if the connection broke off
		return nil, fail(classify.VerifyRead, a, "%s cannot be read back: dd exited %d", m.Device, a.number("read"))
	case came.err != nil:
		return nil, classify.WithConsole(classify.Wrap(came.err, classify.NetHTTPCut, "what the board reads of %s does not arrive", m.Device), a.text)
	}
	return came.bad, nil
}

// arriving tells how much is read.
type arriving struct {
	io.Reader
	add func(n int64)
}

func (c arriving) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.add(int64(n))
	return n, err
}

// compareStream compares what comes with groups. All of it must come.
func (w *Writing) compareStream(groups []group, r io.Reader) (bad set, err error) {
	want, got := make([]byte, image.Piece), make([]byte, image.Piece)
	for _, g := range groups {
		for _, part := range g.ranges {
			if err := w.im.ReadRange(part, want); err != nil {
				return nil, err
			}
			padded := w.Medium.padded(part.Len)
			clear(want[part.Len:padded])
			if _, err := io.ReadFull(r, got[:padded]); err != nil {
				return nil, err
			}
			if !bytes.Equal(got[:padded], want[:padded]) {
				bad = append(bad, part)
			}
		}
	}
	switch _, err := io.ReadFull(r, got[:1]); err { // and no more: a board may send without end
	case io.EOF:
		return bad, nil
	case nil:
		return nil, errors.New("it goes on after the last byte that was asked for")
	default:
		return nil, err
	}
}
