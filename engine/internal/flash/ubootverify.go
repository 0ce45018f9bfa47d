package flash

import (
	"context"
	"fmt"
	"io"
	"time"

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

// mismatchedRanges reads ranges back and returns their blocks that do not hold the image.
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

// compare reads a group back into a buffer that holds something else, and returns the blocks that differ.
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

// refine returns the blocks of a group that differ, from what was read of it: all of them if none differs.
func (w *UBootWriter) refine(ctx context.Context, g hashGroup) (bad ranges, err error) {
	blocks := g.ranges.blocks()
	if len(blocks) == 1 {
		return blocks, nil
	}
	var parts []span
	for _, b := range blocks {
		from := w.board.check + uint64(b.Off-g.off)
		parts = append(parts, span{from, from + uint64(b.Len)})
	}
	got, err := w.dut.hash(ctx, crc, parts...)
	if err != nil {
		return nil, err
	}
	for i, b := range blocks {
		want, err := w.crcOf(b.Off, b.Len)
		if err != nil {
			return nil, err
		}
		if got[i] != want {
			bad = append(bad, b)
		}
	}
	if len(bad) == 0 {
		bad = blocks
	}
	return bad, nil
}

// crcOf returns the CRC of n bytes of the image, with zeros after its end.
func (w *UBootWriter) crcOf(off, n int64) (string, error) {
	h := crc.new()
	if _, err := io.Copy(h, io.NewSectionReader(newStream(w.im, []ddRun{{off, n, 1}}), 0, n)); err != nil {
		return "", classify.Wrap(err, classify.ImageRead, "cannot read the image")
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

// sampleMedium compares samples of the medium. It returns the kinds of ranges that are right so often that comparing
// all of them costs less than writing them. Data is sent before it is written, so that comparing it costs less.
func (w *UBootWriter) sampleMedium(ctx context.Context) (likely map[image.Kind]bool, err error) {
	all := ranges(w.im.Ranges())
	if all.size() < probeFrom {
		return nil, nil
	}
	likely = map[image.Kind]bool{}
	for _, kind := range []image.Kind{image.Data, image.Zero} {
		for _, r := range all.ofKind(kind).sample(samples) {
			began := w.dut.Clock.Now()
			right, err := w.sample(ctx, r, kind)
			if err != nil {
				return nil, err
			}
			took := w.dut.Clock.Now().Sub(began)
			if right && kind == image.Zero {
				if right, err = w.writesSlower(ctx, r, took); err != nil {
					return nil, err
				}
			}
			if likely[kind] = right; right || kind == image.Zero {
				break
			}
		}
	}
	return likely, nil
}

// sample reports whether the medium holds the begin of a range, all of it if it is of zeros.
func (w *UBootWriter) sample(ctx context.Context, r image.Range, kind image.Kind) (bool, error) {
	n := r.Len
	if kind == image.Data {
		n = min(n, image.BlockSize)
	}
	n = w.Medium.padded(n)
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
	want, err := w.crcOf(r.Off, n)
	return got[0] == want, err
}

// writesSlower reports whether writing a range takes longer than comparing it, which took so long. The range is right,
// and in the check buffer.
func (w *UBootWriter) writesSlower(ctx context.Context, r image.Range, compared time.Duration) (bool, error) {
	if w.Medium.unit > w.Medium.Sector { // an erase block is not worn for it, and is slow
		return true, nil
	}
	began := w.dut.Clock.Now()
	err := w.write(ctx, w.board.check, ddRun{r.Off, w.Medium.padded(r.Len), 1})
	return w.dut.Clock.Now().Sub(began) > compared, err
}
