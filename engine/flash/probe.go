package flash

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/image"
	"github.com/flashlua/flashlua/engine/serve"
)

const (
	// probeFrom is the size of an image from which on a probe pays, in bytes.
	probeFrom   = 16 * mib
	probeBlock  = 512 << 10
	probeBlocks = 8 // that are read in every way
	samples     = 3 // of each kind
)

// choose finds the way in which the board reads back fastest.
func (w *Writing) choose(ctx context.Context) error {
	if w.way.name != "" {
		return nil
	}
	_, err := w.probe(ctx)
	return err
}

// probe looks at some of the medium, and how long that takes. It gives the kinds of ranges that are right already so
// often that finding out which costs less than writing them all.
func (w *Writing) probe(ctx context.Context) (likely map[image.Kind]bool, err error) {
	w.way = plainWay
	if set(w.im.Ranges()).size() < probeFrom {
		return nil, nil
	}
	var l list
	looked := w.samples()
	buf := make([]byte, image.Piece)
	for _, r := range looked {
		if err := w.im.ReadRange(r, buf); err != nil {
			return nil, err
		}
		n := min(r.Len, image.Block)
		l.add("check", run{r.Off, n, n}, fmt.Sprintf("%x", sha256.Sum256(buf[:n])))
	}
	write := "write"
	if w.dut.ReadOnly {
		write = ""
	}
	if w.Medium.Target.ClearForceRO {
		write = ""
	}
	path, withdraw := w.dut.HTTP.Offer(serve.Offer{Content: serve.Content{Name: "back"}, To: w.dut.peer, Take: func(r io.Reader) { io.Copy(io.Discard, r) }})
	defer withdraw()
	args := append([]string{fmt.Sprint(probeBlock), fmt.Sprint(probeBlocks), write, w.dut.url(path)}, slices.Sorted(maps.Keys(hashes))...)
	a, err := w.ask(ctx, infoTime, &l, "probe", args...)
	if classify.Facts(err).Kind == classify.VerifyRead { // it may heal when it is written; reading back has the last word
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	read := w.fastest(a)
	if read == 0 {
		return nil, nil
	}
	w.rate = probeBlock * probeBlocks * 100 / read
	w.nc = a.number("nc") == 1
	w.group = mostGroup
	if w.way.name == "file" {
		w.group = min(max(a.number("free"), 0)<<10/16, mostGroup)
	}
	wrong := map[image.Kind]int{}
	for _, n := range a.numbers("bad") {
		if n >= 1 && n <= int64(len(looked)) {
			wrong[looked[n-1].Kind]++
		}
	}
	copied := max(a.number("copy"), 0)
	if a.number("copy") == 0 { // as read: less than can be measured is not nothing
		copied = 1
	}
	if copied > 0 {
		w.copies = probeBlock * probeBlocks * 100 / copied
	}
	likely = map[image.Kind]bool{}
	for kind, n := range count(looked) {
		right := int64(n - wrong[kind])
		likely[kind] = right*(copied+read) >= int64(n)*read
	}
	return likely, nil
}

// fastest takes over the way that took the shortest, and gives its time, in hundredths of a second; 0 if there was none.
func (w *Writing) fastest(a answer) int64 {
	best := int64(-1)
	for _, program := range slices.Sorted(maps.Keys(hashes)) {
		for _, name := range []string{"pipe", "file"} {
			if t := a.number(name + "." + program); t >= 0 && (best < 0 || t < best) {
				best, w.way = t, way{name, program}
			}
		}
	}
	for _, program := range []string{"curl", "nc"} {
		if t := a.number("back." + program); t >= 0 && t < best {
			best, w.way = t, way{"back", program}
		}
	}
	if best < 0 {
		return 0
	}
	return max(best, 1)
}

// samples are some ranges of each kind that have a whole block, far from each other.
func (w *Writing) samples() (some set) {
	for _, kind := range []image.Kind{image.Data, image.Zero} {
		all := slices.DeleteFunc(set(w.im.Ranges()).of(kind), func(r image.Range) bool { return r.Len < image.Block })
		some = append(some, all.few(samples)...)
	}
	return some
}

// few are at most n ranges, far from each other.
func (s set) few(n int) (few set) {
	n = min(n, len(s))
	for i := range n {
		few = append(few, s[(2*i+1)*len(s)/(2*n)])
	}
	return few
}

func count(s set) map[image.Kind]int {
	n := map[image.Kind]int{}
	for _, r := range s {
		n[r.Kind]++
	}
	return n
}

// only gives the ranges of some kinds.
func (s set) only(kinds map[image.Kind]bool) set {
	return slices.DeleteFunc(slices.Clone(s), func(r image.Range) bool { return !kinds[r.Kind] })
}

// ask has the board work off a list of checks.
func (w *Writing) ask(ctx context.Context, limit time.Duration, l *list, command string, args ...string) (answer, error) {
	d, m := w.dut, w.Medium
	if err := d.load(ctx); err != nil {
		return answer{}, err
	}
	text, sum := l.text()
	url, withdraw := d.offer(serve.Text("list", text), nil)
	defer withdraw()
	a, err := d.checked(ctx, limit, append([]string{command, m.Device, url, sum}, args...)...)
	switch what := a.get("error"); {
	case err != nil:
		return a, classify.Wrap(err, "", "cannot read %s", m.Device)
	case what == "cached":
		return a, fail(classify.VerifyRead, a, "%s cannot be read past the board's cache: neither direct reads nor drop_caches work", m.Device)
	case what == "list":
		return a, fail(classify.NetHTTPCut, a, "the board did not get the list of what to read of %s", m.Device)
	case what != "":
		return a, fail(classify.VerifyRead, a, "%s cannot be read back: it is %s", m.Device, what)
	}
	return a, nil
}
