package flash

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/image"
	"github.com/flashlua/flashlua/engine/serve"
)

// Writing writes an image through a board's shell. It implements Writer.
type Writing struct {
	Medium      Medium
	BeforeWrite func() // called before each command that changes the medium; may be nil

	dut    *DUT
	im     Image
	unread set // what must yet be read back
	wrong  set // what the last Verify read back wrong
	counts Counts
	survey
	copies int64  // how fast it reads and writes, in bytes a second; 0 if that is not known
	said   answer // the last one about what it read
	done   int64
	total  int64

	sums sync.Map // of groups, once they are known
}

// Begin is the first step of Write or Verify. It touches nothing.
func (d *DUT) Begin(m Medium, im Image) *Writing {
	return &Writing{Medium: m, dut: d, im: im, unread: im.Ranges()}
}

// changing must be called before the medium changes.
func (w *Writing) changing() {
	if w.BeforeWrite != nil {
		w.BeforeWrite()
	}
}

// Write makes the medium hold the image, padded to whole sectors, and flushes it. What is right already is left alone,
// if a look at some of it promises that this is worth the reading. That all arrived is for Verify to say.
func (w *Writing) Write(ctx context.Context) error {
	all := set(w.im.Ranges())
	likely, err := w.probe(ctx)
	if err != nil {
		return err
	}
	wrong := all
	if maybe := all.only(likely); len(maybe) > 0 {
		switch bad, err := w.differing(ctx, "compare", maybe); {
		case classify.Facts(err).Kind == classify.VerifyRead: // what cannot be read may heal when it is written
		case err != nil:
			return err
		default:
			wrong = all.minus(maybe.minus(bad))
		}
	}
	w.counts.Written, w.counts.Skipped = wrong.size(), all.size()-wrong.size()
	if len(wrong) > 0 {
		defer w.foresee(ctx)()
	}
	w.unread = all // a medium that is smaller than it says keeps one block in the place of another
	if len(wrong) == 0 {
		w.unread = nil
	}
	return w.put(ctx, wrong)
}

// put writes some ranges, those with the partition table last. What is there of the old one goes first: neither boots a
// medium that is only half written.
func (w *Writing) put(ctx context.Context, wrong set) error {
	first, _ := set(w.im.Ranges()).apart()
	others := wrong.minus(first)
	if len(others) == 0 {
		first = wrong
	}
	all := others.plus(first)
	empty := all.of(image.Zero)
	if len(others) > 0 {
		empty = others.of(image.Zero).plus(first)
	}
	full := slices.Concat(others.of(image.Data).runs(w.Medium), first.of(image.Data).runs(w.Medium))
	w.total = w.Medium.padded(all.size())
	w.done = w.total - w.Medium.padded(empty.size()) // what goes twice does not count twice
	for _, r := range full {
		w.done -= r.len
	}
	last, err := w.zero(ctx, empty.runs(w.Medium))
	if err != nil {
		return err
	}
	return w.send(ctx, last, full)
}

// batchTime is about how long one command of the board's should take: between two, it is told how far it got.
const batchTime = 6 * time.Second

// pace finds out how much the board does in batchTime.
type pace struct {
	limit int64
	began time.Time
}

func (p *pace) begin(now time.Time) { p.began = now }

func (p *pace) end(now time.Time, done int64) {
	took := max(now.Sub(p.began), time.Millisecond)
	p.limit = min(max(int64(float64(done)*float64(batchTime)/float64(took)), 16*mib), 2*p.limit)
}

// zero fills runs with zeros, which the board makes itself. It gives what is left of it for the next command.
func (w *Writing) zero(ctx context.Context, runs []run) (*list, error) {
	p := pace{limit: max(4*zeroEntry, w.copies*int64(batchTime/time.Second))}
	l, runs := zeros(runs, p.limit)
	for len(runs) > 0 {
		p.begin(w.dut.Clock.Now())
		if err := w.apply(ctx, l, nil); err != nil {
			return nil, err
		}
		p.end(w.dut.Clock.Now(), l.size)
		w.done += l.size
		w.progress(w.done)
		l, runs = zeros(runs, p.limit)
	}
	return l, nil
}

// zeros is a list for about so many bytes of runs, and the other runs.
func zeros(runs []run, limit int64) (*list, []run) {
	l := &list{}
	for len(runs) > 0 && l.size < limit {
		r := runs[0]
		if most := limit / 4 / mib * mib; r.len > most { // a long run in parts
			r.len = most
		}
		l.add("zero", r)
		if r.len == runs[0].len {
			runs = runs[1:]
		} else {
			runs = append([]run{{r.off + r.len, runs[0].len - r.len, r.block}}, runs[1:]...)
		}
	}
	return l, runs
}

// send has the board work off a list, and then what it streams: runs of data.
func (w *Writing) send(ctx context.Context, l *list, runs []run) error {
	w.done += l.size
	var s *stream
	if len(runs) > 0 {
		s = newStream(w.im, runs)
		for i, r := range runs {
			l.add("put", r, fmt.Sprint(s.at[i], " ", r.len))
		}
	}
	if l.size == 0 {
		return nil
	}
	if err := w.apply(ctx, l, s); err != nil {
		return err
	}
	w.progress(w.total)
	return nil
}

func (w *Writing) progress(done int64) {
	if w.dut.Progress != nil {
		w.dut.Progress("write", max(min(done, w.total), 0), w.total)
	}
}

// apply has the board work off a list.
func (w *Writing) apply(ctx context.Context, l *list, s *stream) error {
	d, m := w.dut, w.Medium
	if err := d.load(ctx); err != nil {
		return err
	}
	text, sum := l.text()
	url, withdraw := d.offer(serve.Text("list", text), nil)
	defer withdraw()
	from, by, clear := "", "", ""
	size, sent := int64(0), &transfer{}
	if s != nil {
		size = s.size
		var stop func()
		sent = &transfer{
			verb: "fetched", total: size, idle: patience(l.entry, w.copies), after: patience(min(size, flushMost), w.copies),
			progress: func(n int64) { w.progress(w.done + n) },
		}
		ctx, stop = d.watch(ctx, sent)
		defer stop()
		var withdraw func()
		from, withdraw = d.offer(serve.Content{Name: "image", Size: size, ReaderAt: s}, sent.add)
		defer withdraw()
	}
	if w.nc && s != nil {
		by = "nc"
	}
	if m.Target.ClearForceRO {
		clear = "clear"
	}
	until := limit{silence: patience(l.entry, w.copies)}
	if s != nil {
		until.line = sent.renew
	}
	w.changing()
	a, err := d.checked(ctx, until, "apply", m.Device, url, sum, from, by, clear)
	switch {
	case err != nil:
		return classify.Wrap(err, "", "cannot write the image to %s", m.Device)
	case a.get("error") == "gone":
		return fail(classify.FlashWrite, a, "%s went away", m.Device)
	case a.get("error") == "list":
		return fail(classify.NetHTTPCut, a, "the board did not get the list of what to write to %s", m.Device)
	case a.number("dd") > 0:
		return fail(classify.FlashWrite, a, "writing %s failed: dd exited %d", m.Device, a.number("dd"))
	case a.number("fetch") > 0 || a.number("cut") > 0: // what was sent may be counted a moment later than it arrived; Verify has the last word
		return fail(classify.NetHTTPCut, a, "the transfer broke off after %d of %d bytes", min(sent.count(), size), size)
	case !a.legible("fetch", "dd", "cut", "sync"):
		return garbled(a, "writing", m)
	case a.number("sync") != 0:
		return fail(classify.FlashWrite, a, "writing %s did not end as it must", m.Device)
	}
	return nil
}
