package flash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/serve"
)

// compareOnStation has the board send groups, and compares them on the station.
func (w *ShellWriter) compareOnStation(ctx context.Context, groups []hashGroup) (bad ranges, err error) {
	d, m := w.dut, w.Medium
	var l commandList
	for _, g := range groups {
		l.add("send", g.ddRun)
	}
	type arrival struct {
		bad ranges
		err error
	}
	sent := &stallWatch{verb: "sent", total: l.size, idleTimeout: stallTimeout, afterTimeout: stallTimeout, progress: func(int64) {}}
	ctx, stop := d.withStallTimeout(ctx, sent)
	defer stop()
	var begun atomic.Bool
	arrived := make(chan arrival, 1)
	path, withdraw := d.HTTP.Offer(serve.Offer{Content: serve.Content{Name: "back"}, Peer: d.boardAddr, OnPut: func(r io.Reader) {
		if !begun.Swap(true) {
			bad, err := w.compareStream(groups, countingReader{r, sent.add})
			arrived <- arrival{bad, err}
		}
	}})
	defer withdraw()
	a, err := d.runReadList(ctx, m, "the read-back", limit{line: sent.renew}, &l, "upload", w.method.program, d.url(path), fmt.Sprint(l.size))
	if err != nil {
		return nil, err
	}
	nothing := errors.New("nothing came")
	came := arrival{err: nothing}
	if begun.Load() { // the board has finished, so its connection ends
		select {
		case came = <-arrived:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	w.lastReply = a
	switch {
	case classify.Facts(came.err).Kind != "":
		return nil, came.err
	case a.number("read") > 0 && (came.err == nil || came.err == nothing || errors.Is(came.err, io.ErrUnexpectedEOF)): // not if the connection broke
		return nil, newError(classify.VerifyRead, a, "%s cannot be read back: dd exited %d", m.Device, a.number("read"))
	case came.err != nil:
		return nil, classify.WithConsole(classify.Wrap(came.err, classify.NetHTTPCut, "what the board reads of %s does not arrive", m.Device), a.printed())
	}
	return came.bad, nil
}

// countingReader reports how much is read.
type countingReader struct {
	io.Reader
	add func(n int64)
}

func (c countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.add(int64(n))
	return n, err
}

// compareStream compares groups with the stream r, which must contain all of them and nothing else.
func (w *ShellWriter) compareStream(groups []hashGroup, r io.Reader) (bad ranges, err error) {
	err = image.WithBuffer(func(want []byte) error {
		return image.WithBuffer(func(got []byte) (err error) {
			bad, err = w.compareWith(groups, r, want, got)
			return err
		})
	})
	return bad, err
}

// compareWith is compareStream with two buffers of MaxRange bytes.
func (w *ShellWriter) compareWith(groups []hashGroup, r io.Reader, want, got []byte) (bad ranges, err error) {
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
	switch _, err := io.ReadFull(r, got[:1]); err { // a board may send without end
	case io.EOF:
		return bad, nil
	case nil:
		return nil, errors.New("it goes on after the last byte that was asked for")
	default:
		return nil, err
	}
}
