package flash

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/serve"
)

const (
	// probeFrom is the smallest image that is worth a probe, in bytes.
	probeFrom   = 16 * mib
	probeBlock  = 512 << 10
	probeBlocks = 8                            // read in every way
	samples     = 3                            // of each kind
	firstPart   = 64 << 10                     // read first, in bytes; a slow board reads no more
	maxProbe    = 2 * probeBlock * probeBlocks // bytes that are accepted; the board sends half as many
)

// profile is what is known of how fast a board reads a medium back.
type profile struct {
	method    readMethod
	probeTime int64 // to read probeBlocks, in hundredths of a second; 0 if not known
	nc        bool  // its busybox's nc can connect a command to the station
	groupSize int64 // bytes that it hashes at once; 0 for minGroup
}

// rate returns how fast the board reads, in bytes a second; 0 if that is not known.
func (s profile) rate() int64 {
	if s.probeTime == 0 {
		return 0
	}
	return probeBlock * probeBlocks * 100 / s.probeTime
}

// ProfileReads measures in which way the board reads a medium back fastest. It writes nothing. ShellWriter calls
// it when needed; calling it before, while the image is staged, uses time in which the board is idle.
func (d *ShellFlasher) ProfileReads(ctx context.Context, m Medium) error {
	if _, known := d.profiles[m.Device]; known || m.Size < probeFrom {
		return nil
	}
	path, withdraw := d.HTTP.Offer(serve.Offer{Content: serve.Content{Name: "back"}, Peer: d.boardAddr, OnPut: func(r io.Reader) { io.CopyN(io.Discard, r, maxProbe) }})
	defer withdraw()
	programs := slices.Sorted(maps.Keys(hashes))
	slices.Reverse(programs) // MD5 last: the first program also pays for memory allocation
	var l commandList
	fmt.Fprintln(&l, "ways", d.url(path), probeBlock, probeBlocks, strings.Join(programs, " "))
	a, err := d.runReadList(ctx, m, "the probe", limit{stall: stallTimeout}, &l, "probe")
	if classify.Facts(err).Kind == classify.VerifyRead { // a read error may disappear after a write; Verify decides
		return nil
	}
	if d.profiles == nil {
		d.profiles = map[string]profile{}
	}
	if err != nil { // a board that hangs here is not probed again, and is read back with the default method
		d.profiles[m.Device] = profile{method: defaultReadMethod, groupSize: slowGroup}
		return d.optional(ctx, err)
	}
	if s := parseProfile(a); s.probeTime > 0 {
		d.profiles[m.Device] = s
	}
	return nil
}

// parseProfile returns the profile that a reply contains. A slow board reads only a part, once.
func parseProfile(a reply) (s profile) {
	if s.method, s.probeTime = fastestMethod(a); s.probeTime == 0 {
		s.method, s.probeTime = defaultReadMethod, slices.Max(append(a.numbers("first"), 0))*probeBlock*probeBlocks/firstPart
	}
	if s.probeTime == 0 {
		return s
	}
	s.nc, s.groupSize = a.number("nc") == 1, maxGroup
	if s.method.name == "file" {
		s.groupSize = min(max(a.number("free"), 0)<<10/16, maxGroup)
	}
	if in := s.rate() * int64(batchTime/time.Second); in < s.groupSize {
		s.groupSize = max(in, slowGroup)
	}
	return s
}

// Prepare implements Flasher.
func (d *ShellFlasher) Prepare(ctx context.Context, m Medium) error { return d.ProfileReads(ctx, m) }

// chooseReadMethod sets the profile that the writer reads back with.
func (w *ShellWriter) chooseReadMethod(ctx context.Context) error {
	if w.method.name != "" {
		return nil
	}
	if ranges(w.im.Ranges()).size() >= probeFrom {
		if err := w.dut.ProfileReads(ctx, w.Medium); err != nil {
			return err
		}
	}
	w.profile = w.dut.profiles[w.Medium.Device]
	if w.method.name == "" {
		w.method = defaultReadMethod
	}
	return nil
}

// sampleMedium compares samples of the medium. It returns the kinds of ranges that are right so often that
// comparing all of them costs less than writing them all.
func (w *ShellWriter) sampleMedium(ctx context.Context) (likely map[image.Kind]bool, err error) {
	if err := w.chooseReadMethod(ctx); err != nil || w.probeTime == 0 || ranges(w.im.Ranges()).size() < probeFrom {
		return nil, err
	}
	var l commandList
	sampled := w.samples()
	for _, r := range sampled {
		err := image.WithBuffer(func(buf []byte) error {
			if err := w.im.ReadRange(r, buf); err != nil {
				return err
			}
			n := min(r.Len, image.BlockSize)
			l.add("look", ddRun{r.Off, n, n}, fmt.Sprintf("%x", sha256.Sum256(buf[:n])))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	blocks := min(max(w.rate()/probeBlock, 1), probeBlocks) // about what it reads in a second
	if !w.Medium.Target.ClearForceRO {
		l.add("copy", ddRun{0, probeBlock * blocks, probeBlock})
		w.beforeWrite() // it writes back what it read
	}
	a, err := w.dut.runReadList(ctx, w.Medium, "the comparison of samples", limit{stall: stallTimeout}, &l, "probe")
	switch {
	case classify.Facts(err).Kind == classify.VerifyRead: // as in ProfileReads
		return nil, nil
	case err != nil:
		return nil, w.dut.optional(ctx, err)
	}
	wrong := map[image.Kind]int{}
	for _, n := range a.numbers("bad") {
		if n >= 1 && n <= int64(len(sampled)) {
			wrong[sampled[n-1].Kind]++
		}
	}
	copied := max(a.number("copy"), 0)
	if a.number("copy") == 0 { // a time below the resolution is not zero
		copied = 1
	}
	copied = copied * probeBlocks / blocks
	if copied > 0 {
		w.copyRate = probeBlock * probeBlocks * 100 / copied
	}
	likely = map[image.Kind]bool{}
	for kind, n := range count(sampled) {
		right := int64(n - wrong[kind])
		likely[kind] = right*(copied+w.probeTime) >= int64(n)*w.probeTime
	}
	return likely, nil
}

// fastestMethod returns the fastest way and its time in hundredths of a second; 0 if none was measured. Sending
// everything back takes capacity of the network and the station, so it must be much faster to be chosen.
func fastestMethod(a reply) (readMethod, int64) {
	best, by := int64(-1), defaultReadMethod
	for _, program := range slices.Sorted(maps.Keys(hashes)) {
		for _, name := range []string{"pipe", "file"} {
			if t := a.number(name + "." + program); t >= 0 && (best < 0 || t < best) {
				best, by = t, readMethod{name, program}
			}
		}
	}
	for _, program := range []string{"curl", "nc"} {
		if t := a.number("back." + program); t >= 0 && 3*t < 2*best {
			best, by = t, readMethod{"back", program}
		}
	}
	if best < 0 {
		return by, 0
	}
	return by, max(best, 1)
}

// samples returns some ranges of each kind, of at least a block, far from each other.
func (w *ShellWriter) samples() (some ranges) {
	for _, kind := range []image.Kind{image.Data, image.Zero} {
		all := slices.DeleteFunc(ranges(w.im.Ranges()).ofKind(kind), func(r image.Range) bool { return r.Len < image.BlockSize })
		some = append(some, all.sample(samples)...)
	}
	return some
}

// sample returns at most n ranges, far from each other.
func (s ranges) sample(n int) (few ranges) {
	n = min(n, len(s))
	for i := range n {
		few = append(few, s[(2*i+1)*len(s)/(2*n)])
	}
	return few
}

func count(s ranges) map[image.Kind]int {
	n := map[image.Kind]int{}
	for _, r := range s {
		n[r.Kind]++
	}
	return n
}

// withKinds returns the ranges of some kinds.
func (s ranges) withKinds(kinds map[image.Kind]bool) ranges {
	return slices.DeleteFunc(slices.Clone(s), func(r image.Range) bool { return !kinds[r.Kind] })
}

// runReadList has the board execute a list of reads of a medium. what says for people what they are for: "the probe".
func (d *ShellFlasher) runReadList(ctx context.Context, m Medium, what string, until limit, l *commandList, command string, args ...string) (reply, error) {
	a, err := d.run(ctx, job{what + " of " + m.Device, append([]string{command, m.Device}, args...), l, until})
	switch what := a.get("error"); {
	case err != nil:
		return a, classify.Wrap(err, "", "cannot read %s", m.Device)
	case what == "cached":
		return a, newError(classify.VerifyRead, a, "%s cannot be read past the board's cache: neither direct reads nor drop_caches work", m.Device)
	case what != "":
		return a, newError(classify.VerifyRead, a, "%s cannot be read back: it is %s", m.Device, what)
	}
	return a, nil
}
