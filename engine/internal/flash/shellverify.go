package flash

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/cpus"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// readMethod is how the board reads a medium back: a function of the helper, which hashes or sends, and the
// program that it uses.
type readMethod struct{ name, program string }

// defaultReadMethod works on every board.
var defaultReadMethod = readMethod{"pipe", "sha256sum"}

// Verify implements Writer. It reads only what Write asked for the first time, and the whole image from then on.
func (w *ShellWriter) Verify(ctx context.Context) (Receipt, error) {
	bad, err := w.mismatchedRanges(ctx, "verify", w.unverified)
	w.unverified, w.wrong = w.im.Ranges(), bad
	if err != nil {
		return Receipt{}, err
	}
	if err := w.im.CheckUnchanged(); err != nil {
		return Receipt{}, err
	}
	m := w.Medium
	if len(bad) > 0 {
		return Receipt{}, newError(classify.VerifyMismatch, w.lastReply, "%s does not hold the image: %s read back wrong", m.Device, bad.describe())
	}
	return Receipt{m.Target, m.Device, w.im.Size(), w.im.SHA256(), w.digestName(), true}, nil
}

// digestName returns how what is read back is compared.
func (w *ShellWriter) digestName() string {
	if w.method.name == "back" {
		return "bytes"
	}
	return strings.TrimSuffix(w.method.program, "sum")
}

// Repair implements Writer.
func (w *ShellWriter) Repair(ctx context.Context) error {
	bad := w.wrong
	w.wrong = nil
	w.counts.Rewritten += len(bad)
	return w.writeRanges(ctx, bad)
}

// Distrust implements Writer.
func (w *ShellWriter) Distrust() { w.unverified = w.im.Ranges() }

// Counts implements Writer.
func (w *ShellWriter) Counts() Counts { return w.counts }

// mismatchedRanges reads ranges back and returns those that do not hold the image.
func (w *ShellWriter) mismatchedRanges(ctx context.Context, step string, s ranges) (bad ranges, err error) {
	if err := w.chooseReadMethod(ctx); err != nil {
		return nil, err
	}
	if bad, err = w.read(ctx, step, s.groups(w.Medium, cmp.Or(w.groupSize, minGroup))); err != nil || len(bad) == 0 {
		return bad, err
	}
	exact, err := w.read(ctx, step, bad.groups(w.Medium, 0))
	if err == nil && len(exact) == 0 { // the two reads disagree: treat the whole groups as wrong
		exact = bad
	}
	return exact, err
}

// read has the board hash groups, as many per command as it hashes in batchTime. It returns the ranges of the
// groups that differ.
func (w *ShellWriter) read(ctx context.Context, step string, groups []hashGroup) (bad ranges, err error) {
	p := batchSizer{limit: max(64*mib, w.rate()*int64(batchTime/time.Second))}
	var total, done int64
	for _, g := range groups {
		total += g.len
	}
	for len(groups) > 0 {
		n, size := 0, int64(0)
		limit := p.limit
		if left := total - done; left < limit+limit/2 { // the rest is too small for a command of its own
			limit = left
		}
		for n < len(groups) && (n == 0 || size+groups[n].len <= limit) {
			size += groups[n].len
			n++
		}
		p.begin(w.dut.Clock.Now())
		compare := w.compare
		if w.method.name == "back" {
			compare = w.compareOnStation
		}
		wrong, err := compare(ctx, groups[:n])
		for range queryRetries - 1 { // console noise may damage the reply
			if classify.Facts(err).Kind == classify.ConsoleGarbled {
				wrong, err = compare(ctx, groups[:n])
			}
		}
		if err != nil {
			return nil, err
		}
		p.end(w.dut.Clock.Now(), size)
		bad = append(bad, wrong...)
		groups = groups[n:]
		if done += size; w.dut.Progress != nil {
			w.dut.Progress(step, done, total)
		}
	}
	return bad, nil
}

// compare has the board hash groups, and returns the ranges of those that differ.
func (w *ShellWriter) compare(ctx context.Context, groups []hashGroup) (bad ranges, err error) {
	m := w.Medium
	var l commandList
	var sums strings.Builder
	for _, g := range groups {
		sum, err := w.groupDigest(ctx, g)
		if err != nil {
			return nil, err
		}
		l.add("check", g.ddRun, sum)
		fmt.Fprintln(&sums, sum)
	}
	a, err := w.dut.runReadList(ctx, m, "the read-back", limit{stall: stallTimeoutFor(l.entry, w.rate())}, &l, "compare", w.method.name, w.method.program)
	if err != nil {
		return nil, err
	}
	w.lastReply = a
	for _, n := range a.numbers("bad") {
		if n < 1 || n > int64(len(groups)) {
			return nil, errGarbled(a, "reading back", m)
		}
		bad = append(bad, groups[n-1].ranges...)
	}
	got, want := a.get("sum"), fmt.Sprintf("%x", sha256.Sum256([]byte(sums.String())))
	switch {
	case a.number("read") > 0:
		return nil, newError(classify.VerifyRead, a, "%s cannot be read back: dd exited %d", m.Device, a.number("read"))
	case !digest.MatchString(got) || got != a.get("again") || (got == want) != (len(bad) == 0), a.number("bads") != int64(len(a.fields["bad"])):
		return nil, errGarbled(a, "reading back", m)
	}
	return bad, nil
}

// groupDigest returns the digest with which a group must read back.
func (w *ShellWriter) groupDigest(ctx context.Context, g hashGroup) (sum string, err error) {
	key := groupKey{w.method.program, g.off, g.len, len(g.ranges)}
	return w.im.RememberDigest(key, func() (sum string, err error) {
		err = cpus.Use(ctx, func() error {
			return image.WithBuffer(func(buf []byte) (err error) {
				sum, err = g.digest(w.im, hashes[key.program](), buf)
				return err
			})
		})
		return sum, err
	})
}

// groupKey determines the digest of a group: its ranges are that many adjacent ones of the image, from off on, and its
// length is padded with zeros.
type groupKey struct {
	program  string
	off, len int64
	ranges   int
}

// precomputeDigests computes, while the board writes, the digests that Verify will need. The returned function
// stops it.
func (w *ShellWriter) precomputeDigests(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, g := range ranges(w.im.Ranges()).groups(w.Medium, cmp.Or(w.groupSize, minGroup)) {
			if ctx.Err() != nil || w.method.name == "back" {
				return
			}
			if _, err := w.groupDigest(ctx, g); err != nil {
				return // compare meets the same error again
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
