package flash

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/cpus"
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

// mismatchedRanges reads ranges, or blocks, back and returns the blocks that do not hold the image.
func (w *UBootWriter) mismatchedRanges(ctx context.Context, step string, s ranges) (bad ranges, err error) {
	var total, done int64
	groups := s.groups(w.Medium, w.board.size)
	if w.Medium.whole {
		groups = w.wholeGroup()
	}
	for _, g := range groups {
		total += g.len
	}
	for _, g := range groups {
		wrong, err := w.compare(ctx, g, step == "compare")
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

// compare reads a group back into a buffer that holds something else, and returns the blocks that differ. first
// says that it is the comparison before a write, of which many a group differs: it hashes each range, and
// remembers what differs.
func (w *UBootWriter) compare(ctx context.Context, g hashGroup, first bool) (bad ranges, err error) {
	parts := ranges{{Off: g.off, Len: g.len}}
	if first && len(g.ranges) > 1 {
		parts = g.ranges
	}
	wrong, err := w.differing(ctx, g, parts, func() error { return w.read(ctx, g.off, g.len) })
	if err != nil || len(wrong) == 0 {
		return nil, err
	}
	if len(parts) == 1 {
		wrong = g.ranges
	}
	blocks := wrong.blocks()
	if bad, err = w.differing(ctx, g, blocks, func() error { return nil }); err == nil && len(bad) == 0 {
		bad = blocks // the two hashes disagree
	}
	if err == nil && first {
		err = w.rememberOld(ctx, g, bad)
	}
	return bad, err
}

// differing returns the parts of a group that are not the image's in the check buffer, which fill fills.
func (w *UBootWriter) differing(ctx context.Context, g hashGroup, parts ranges, fill func() error) (bad ranges, err error) {
	type digests struct {
		sums []string
		err  error
	}
	want := make(chan digests, 1)
	go func() {
		var sums []string
		err := image.WithBuffer(func(buf []byte) (err error) {
			sums, err = w.digests(ctx, parts, buf)
			return err
		})
		want <- digests{sums, err}
	}()
	var in []span
	for _, p := range parts {
		from := w.board.check + uint64(p.Off-g.off)
		in = append(in, span{from, from + uint64(p.Len)})
	}
	err = fill()
	var got []string
	if err == nil {
		got, err = w.dut.hash(ctx, w.board.digest, in...)
	}
	expected := <-want
	if err = cmp.Or(expected.err, err); err != nil {
		return nil, err
	}
	for i, p := range parts {
		if got[i] != expected.sums[i] {
			bad = append(bad, p)
		}
	}
	return bad, nil
}

// digests returns the digests with which parts of the medium must read back, with zeros after the image's end.
// ReadRange fails if the image has changed since its own digest was made.
// buf has MaxRange bytes.
func (w *UBootWriter) digests(ctx context.Context, parts ranges, buf []byte) (sums []string, err error) {
	last := -1 // the range in buf
	for _, p := range parts {
		err := cpus.Use(ctx, func() error {
			sum, err := w.digest(p, buf, &last)
			sums = append(sums, sum)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return sums, nil
}

// digest returns the digest of one part. last is the index of the range in buf.
func (w *UBootWriter) digest(p image.Range, buf []byte, last *int) (string, error) {
	all := w.im.Ranges()
	h := w.board.digest.new()
	for at, end := p.Off, p.Off+p.Len; at < end; {
		i, found := slices.BinarySearchFunc(all, at, func(r image.Range, off int64) int { return cmp.Compare(r.Off, off) })
		if !found {
			i--
		}
		r := all[i]
		if at >= r.Off+r.Len { // after the image's end
			h.Write(make([]byte, end-at))
			break
		}
		if i != *last {
			if err := w.im.ReadRange(r, buf); err != nil {
				return "", err
			}
			*last = i
		}
		to := min(end, r.Off+r.Len)
		h.Write(buf[at-r.Off : to-r.Off])
		at = to
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// read fills the check buffer with a word that no image has, and reads a part of the medium into it: a read that
// transfers less than it says is found.
func (w *UBootWriter) read(ctx context.Context, off, n int64) error {
	if err := w.dut.fill(ctx, w.board.check, w.poison, n); err != nil {
		return err
	}
	return w.Medium.uboot.Read(ctx, w.board.check, off, n)
}

// quickDigest returns the quick digest of n bytes of the image, with zeros after its end.
func (w *UBootWriter) quickDigest(off, n int64) (string, error) {
	h := w.board.quick.new()
	if _, err := io.Copy(h, io.NewSectionReader(newStream(w.im, []ddRun{{off, n, 1}}), 0, n)); err != nil {
		return "", classify.Wrap(err, classify.ImageRead, "cannot read the image")
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

// sampleMedium compares samples of the medium. It returns the kinds of ranges that are right so often that
// comparing all of them costs less than writing them. Data is sent before it is written, so that comparing it
// costs less. If data is right, comparing zeros, too, may save a read of the whole medium.
func (w *UBootWriter) sampleMedium(ctx context.Context) (likely map[image.Kind]bool, err error) {
	all := ranges(w.im.Ranges())
	if all.size() < probeFrom {
		return nil, nil
	}
	likely = map[image.Kind]bool{}
	for _, kind := range []image.Kind{image.Data, image.Zero} { // in this order
		for _, r := range all.ofKind(kind).sample(samples) {
			began := w.dut.Clock.Now()
			right, err := w.sample(ctx, r, kind)
			if err != nil {
				return nil, err
			}
			took := w.dut.Clock.Now().Sub(began)
			if right && kind == image.Zero && !likely[image.Data] {
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
	got, err := w.dut.hash(ctx, w.board.quick, span{w.board.check, w.board.check + uint64(n)})
	if err != nil {
		return false, err
	}
	want, err := w.quickDigest(r.Off, n)
	return got[0] == want, err
}

// writesSlower reports whether writing a range takes longer than comparing it, which took so long. The range is
// right, and in the check buffer.
func (w *UBootWriter) writesSlower(ctx context.Context, r image.Range, compared time.Duration) (bool, error) {
	if w.Medium.unit > w.Medium.Sector { // an erase block is not worn for it, and is slow
		return true, nil
	}
	began := w.dut.Clock.Now()
	err := w.write(ctx, w.board.check, ddRun{r.Off, w.Medium.padded(r.Len), 1})
	return w.dut.Clock.Now().Sub(began) > compared, err
}
