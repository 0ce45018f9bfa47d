package flash

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/serve"
)

// ShellWriter writes an image through a board's shell. It implements Writer.
type ShellWriter struct {
	Medium      Medium
	BeforeWrite func() // called before each command that changes the medium; may be nil

	dut        *ShellFlasher
	im         Image
	unverified ranges // to be read back by the next Verify
	wrong      ranges // what the last Verify read back wrong
	counts     Counts
	profile
	copyRate  int64 // speed of reading and writing, in bytes a second; 0 if not known
	lastReply reply // to the last command that read
	done      int64 // bytes of this write
	total     int64
}

// NewWriter returns a writer of im to m. It neither reads nor writes the medium.
func (d *ShellFlasher) NewWriter(m Medium, im Image) *ShellWriter {
	return &ShellWriter{Medium: m, dut: d, im: im, unverified: im.Ranges()}
}

// Writer implements Flasher.
func (d *ShellFlasher) Writer(_ context.Context, m Medium, im Image, beforeWrite func()) (Writer, error) {
	w := d.NewWriter(m, im)
	w.BeforeWrite = beforeWrite
	return w, nil
}

// beforeWrite must be called before the medium changes.
func (w *ShellWriter) beforeWrite() {
	if w.BeforeWrite != nil {
		w.BeforeWrite()
	}
}

// Write implements Writer. The image is padded to whole sectors. Ranges that are right already are not written, if
// a sample suggests that comparing first costs less than writing. Write does not check that everything arrived:
// Verify does.
func (w *ShellWriter) Write(ctx context.Context) error {
	all := ranges(w.im.Ranges())
	likely, err := w.sampleMedium(ctx)
	if err != nil {
		return err
	}
	wrong := all
	if maybe := all.withKinds(likely); len(maybe) > 0 {
		switch bad, err := w.mismatchedRanges(ctx, "compare", maybe); {
		case classify.Facts(err).Kind == classify.VerifyRead: // a read error may disappear after a write
		case err != nil:
			return err
		default:
			wrong = all.without(maybe.without(bad))
		}
	}
	w.counts.Written, w.counts.Skipped = wrong.size(), all.size()-wrong.size()
	if len(wrong) > 0 {
		defer w.precomputeDigests(ctx)()
	}
	w.unverified = all // all, because a medium that is smaller than it says aliases blocks
	if len(wrong) == 0 {
		w.unverified = nil
	}
	return w.writeRanges(ctx, wrong)
}

// writeRanges writes ranges, those with the partition table last. If others are written, it first overwrites the
// old partition table with zeros, so that a half-written medium boots from neither.
func (w *ShellWriter) writeRanges(ctx context.Context, wrong ranges) error {
	first, _ := ranges(w.im.Ranges()).splitBootRanges()
	others := wrong.without(first)
	if len(others) == 0 {
		first = wrong
	}
	all := others.union(first)
	empty := all.ofKind(image.Zero)
	if len(others) > 0 {
		empty = others.ofKind(image.Zero).union(first)
	}
	full := slices.Concat(others.ofKind(image.Data).runs(w.Medium), first.ofKind(image.Data).runs(w.Medium))
	w.total = w.Medium.padded(all.size())
	w.done = w.total - w.Medium.padded(empty.size()) // ranges that are written twice count once
	for _, r := range full {
		w.done -= r.len
	}
	last, err := w.writeZeros(ctx, empty.runs(w.Medium))
	if err != nil {
		return err
	}
	return w.writeData(ctx, last, full)
}

// batchTime is about how long one command of the board should take. Progress is reported between two commands.
const batchTime = 6 * time.Second

// batchSizer adapts the bytes per command to batchTime.
type batchSizer struct {
	limit int64
	began time.Time
}

func (p *batchSizer) begin(now time.Time) { p.began = now }

func (p *batchSizer) end(now time.Time, done int64) {
	took := max(now.Sub(p.began), time.Millisecond)
	p.limit = min(max(int64(float64(done)*float64(batchTime)/float64(took)), 16*mib), 2*p.limit)
}

// writeZeros fills runs with zeros, which the board generates. It returns the last, partly filled list, which the
// next command continues.
func (w *ShellWriter) writeZeros(ctx context.Context, runs []ddRun) (*commandList, error) {
	p := batchSizer{limit: max(4*zeroEntry, w.copyRate*int64(batchTime/time.Second))}
	l, runs := takeZeros(runs, p.limit)
	for len(runs) > 0 {
		p.begin(w.dut.Clock.Now())
		if err := w.runWriteList(ctx, l, nil); err != nil {
			return nil, err
		}
		p.end(w.dut.Clock.Now(), l.size)
		w.done += l.size
		w.progress(w.done)
		l, runs = takeZeros(runs, p.limit)
	}
	return l, nil
}

// takeZeros returns a list for about limit bytes of runs, and the remaining runs.
func takeZeros(runs []ddRun, limit int64) (*commandList, []ddRun) {
	l := &commandList{}
	for len(runs) > 0 && l.size < limit {
		r := runs[0]
		if maxLen := limit / 4 / mib * mib; r.len > maxLen { // split a long run
			r.len = maxLen
		}
		l.add("zero", r)
		if r.len == runs[0].len {
			runs = runs[1:]
		} else {
			runs = append([]ddRun{{r.off + r.len, runs[0].len - r.len, r.block}}, runs[1:]...)
		}
	}
	return l, runs
}

// writeData has the board execute a list, and then write runs of data that it fetches.
func (w *ShellWriter) writeData(ctx context.Context, l *commandList, runs []ddRun) error {
	w.done += l.size
	var s *stream
	if len(runs) > 0 {
		s = newStream(w.im, runs)
		for i, r := range runs {
			l.add("put", r, fmt.Sprint(s.offsets[i], " ", r.len))
		}
	}
	if l.size == 0 {
		return nil
	}
	if err := w.runWriteList(ctx, l, s); err != nil {
		return err
	}
	w.progress(w.total)
	return nil
}

func (w *ShellWriter) progress(done int64) { reportWrite(w.dut.Progress, done, w.total) }

// runWriteList has the board execute a list of writes. s is the data of its put commands, nil if there are none.
func (w *ShellWriter) runWriteList(ctx context.Context, l *commandList, s *stream) error {
	d, m := w.dut, w.Medium
	if err := d.loadHelper(ctx); err != nil {
		return err
	}
	from, by, clear := "", "", ""
	size, sent := int64(0), &stallWatch{}
	if s != nil {
		size = s.size
		done, total := w.done, w.total // by value: the server may count sent bytes after the command has ended
		var stop func()
		sent = &stallWatch{
			verb: "fetched", total: size, idleTimeout: stallTimeoutFor(l.entry, w.copyRate), afterTimeout: stallTimeoutFor(min(size, maxFlush), w.copyRate),
			progress: func(n int64) { reportWrite(d.Progress, done+n, total) },
		}
		ctx, stop = d.withStallTimeout(ctx, sent)
		defer stop()
		var withdraw func()
		from, withdraw = d.serve(serve.Content{Name: "image", Size: size, ReaderAt: s}, sent.add)
		defer withdraw()
	}
	if w.nc && s != nil {
		by = "nc"
	}
	if m.Target.ClearForceRO {
		clear = "clear"
	}
	until := limit{stall: stallTimeoutFor(l.entry, w.copyRate)}
	if s != nil {
		until.line = sent.renew
	}
	w.beforeWrite()
	a, err := d.run(ctx, job{"the write to " + m.Device, []string{"apply", m.Device, from, by, clear}, l, until})
	switch {
	case err != nil:
		return classify.Wrap(err, "", "cannot write the image to %s", m.Device)
	case a.get("error") == "gone":
		return newError(classify.WriteFailed, a, "%s went away", m.Device)
	case a.number("dd") > 0:
		return newError(classify.WriteFailed, a, "writing %s failed: dd exited %d", m.Device, a.number("dd"))
	case a.number("fetch") > 0 || a.number("cut") > 0: // sent bytes are counted slightly late; Verify decides
		return newError(classify.NetHTTPCut, a, "the transfer broke off after %d of %d bytes", min(sent.count(), size), size)
	case !a.hasNumbers("fetch", "dd", "cut", "sync"):
		return errGarbled(a, "writing", m)
	case a.number("sync") != 0:
		return newError(classify.WriteFailed, a, "writing %s did not end as it must", m.Device)
	}
	return nil
}
