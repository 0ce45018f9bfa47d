package flash

import (
	"context"
	"fmt"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// Verify implements Writer. It reads only what Write asked for the first time, and the whole image from then on.
func (w *UBootWriter) Verify(ctx context.Context) (Receipt, error) {
	if err := w.selectMedium(ctx); err != nil {
		return Receipt{}, err
	}
	bad, err := w.mismatchedRanges(ctx, "verify", w.unverified)
	w.unverified, w.wrong = w.im.Ranges(), bad
	if err == nil {
		err = w.im.CheckUnchanged()
	}
	if err != nil {
		return Receipt{}, err
	}
	m := w.Medium
	if len(bad) > 0 {
		return Receipt{}, classify.New(classify.VerifyMismatch, "%s does not hold the image: %s read back wrong", m.Device, bad.describe())
	}
	return Receipt{m.Target, m.Device, w.im.Size(), w.im.SHA256(), w.board.digest.name, true}, nil
}

// mismatchedRanges reads ranges back and returns those that do not hold the image.
func (w *UBootWriter) mismatchedRanges(ctx context.Context, step string, s ranges) (bad ranges, err error) {
	var total, done int64
	groups := s.groups(w.Medium, w.board.size)
	for _, g := range groups {
		total += g.len
	}
	for _, g := range groups {
		wrong, err := w.compare(ctx, g)
		if err != nil {
			return nil, err
		}
		bad = append(bad, wrong...)
		if done += g.len; w.dut.Progress != nil {
			w.dut.Progress(step, done, total)
		}
	}
	return bad, nil
}

// compare reads a group back into a buffer that holds something else, and returns the ranges that differ.
func (w *UBootWriter) compare(ctx context.Context, g hashGroup) (bad ranges, err error) {
	x, at := w.board.digest, w.board.check
	type digest struct {
		sum string
		err error
	}
	want := make(chan digest, 1)
	go func() {
		sum, err := g.digest(w.im, x.new(), make([]byte, image.MaxRange))
		want <- digest{sum, err}
	}()
	err = w.read(ctx, g.off, g.len)
	var got []string
	if err == nil {
		got, err = w.dut.hash(ctx, x, span{at, at + uint64(g.len)})
	}
	expected := <-want
	switch {
	case expected.err != nil:
		return nil, expected.err
	case err != nil:
		return nil, err
	case got[0] == expected.sum:
		return nil, nil
	}
	return w.refine(ctx, g)
}

// read fills the check buffer with a word that no image has, and reads a part of the medium into it: a read that
// transfers less than it says is found.
func (w *UBootWriter) read(ctx context.Context, off, n int64) error {
	if err := w.dut.fill(ctx, w.board.check, w.poison, n); err != nil {
		return err
	}
	return w.Medium.uboot.Read(ctx, w.board.check, off, n)
}

// refine returns the ranges of a group that differ, from what was read of it: all of them if none differs.
func (w *UBootWriter) refine(ctx context.Context, g hashGroup) (bad ranges, err error) {
	if len(g.ranges) == 1 {
		return g.ranges, nil
	}
	var parts []span
	for _, r := range g.ranges {
		from := w.board.check + uint64(r.Off-g.off)
		parts = append(parts, span{from, from + uint64(r.Len)})
	}
	got, err := w.dut.hash(ctx, crc, parts...)
	if err != nil {
		return nil, err
	}
	buf := make([]byte, image.MaxRange)
	for i, r := range g.ranges {
		if err := w.im.ReadRange(r, buf); err != nil {
			return nil, err
		}
		h := crc.new()
		h.Write(buf[:r.Len])
		if got[i] != fmt.Sprintf("%x", h.Sum(nil)) {
			bad = append(bad, r)
		}
	}
	if len(bad) == 0 {
		bad = g.ranges
	}
	return bad, nil
}

// sampleMedium compares samples of the medium. It returns the kinds of ranges of which one in three is right: comparing
// them first costs less than writing them.
func (w *UBootWriter) sampleMedium(ctx context.Context) (likely map[image.Kind]bool, err error) {
	all := ranges(w.im.Ranges())
	if all.size() < probeFrom {
		return nil, nil
	}
	likely = map[image.Kind]bool{}
	for _, kind := range []image.Kind{image.Data, image.Zero} {
		for _, r := range all.ofKind(kind).sample(samples) {
			if likely[kind] {
				break
			}
			r.Len = min(r.Len, image.BlockSize)
			right, err := w.sample(ctx, r)
			if err != nil {
				return nil, err
			}
			likely[kind] = right
		}
	}
	return likely, nil
}

// sample reports whether the medium holds the begin of a range.
func (w *UBootWriter) sample(ctx context.Context, r image.Range) (bool, error) {
	n := w.Medium.padded(r.Len)
	err := w.read(ctx, r.Off, n)
	if classify.Facts(err).Kind == classify.VerifyRead { // it may disappear after a write
		return false, nil
	}
	if err != nil {
		return false, err
	}
	got, err := w.dut.hash(ctx, crc, span{w.board.check, w.board.check + uint64(n)})
	if err != nil {
		return false, err
	}
	h, s := crc.new(), newStream(w.im, []ddRun{{r.Off, n, n}})
	buf := make([]byte, n)
	if _, err := s.ReadAt(buf, 0); err != nil {
		return false, classify.Wrap(err, classify.ImageRead, "cannot read the image")
	}
	h.Write(buf)
	return got[0] == fmt.Sprintf("%x", h.Sum(nil)), nil
}
