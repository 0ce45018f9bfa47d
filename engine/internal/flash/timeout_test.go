package flash

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
)

// watched is a board that fails as a test says, and records the limits of its commands.
type watched struct {
	*hostShell
	probes []error // of successive probes; nil runs the probe
	asks   []error // of successive commands ":"; the last one repeats
	ran    []console.Command
}

func (s *watched) Exec(ctx context.Context, cmd console.Command) (console.Result, error) {
	s.ran = append(s.ran, cmd)
	var err error
	switch {
	case (strings.HasPrefix(cmd.What, "the probe") || strings.HasPrefix(cmd.What, "the comparison")) && len(s.probes) > 0:
		err, s.probes = s.probes[0], s.probes[1:]
	case cmd.Text == ":" && len(s.asks) > 0:
		err = s.asks[0]
		s.asks = s.asks[min(1, len(s.asks)-1):]
	}
	if err != nil {
		return console.Result{}, err
	}
	return s.hostShell.Exec(ctx, cmd)
}

// TestProbesAreOptional fails the steps that only make a flash faster: that ends the flash only if the run cannot
// continue.
func TestProbesAreOptional(t *testing.T) {
	const size = probeFrom + 5
	im := newImage(t, random(size, 1))
	kind := func(k classify.Kind) error { return classify.New(k, "as it happens") }
	silent := kind(classify.ConsoleStall)
	for name, tt := range map[string]struct {
		probes, asks []error
		want         classify.Kind // "" if the medium is verified
		asked        int           // commands ":" that were run
	}{
		"silent":                   {probes: []error{silent}, asked: 1},
		"silent at the second one": {probes: []error{nil, silent}, asked: 1},
		"silent, then busy":        {probes: []error{silent}, asks: []error{kind(classify.ConsoleTimeout), kind(classify.ConsoleEcho), nil}, asked: 3},
		"garbled":                  {probes: []error{kind(classify.ConsoleGarbled)}, asked: 1},
		"spoiled":                  {probes: []error{nil, kind(classify.ShellSync)}, asked: 1},
		"its list got lost":        {probes: []error{kind(classify.NetHTTPCut)}, asked: 1},
		"it never answers":         {probes: []error{silent}, asks: []error{kind(classify.ConsoleTimeout)}, want: classify.ConsoleTimeout, asked: abandonedTries},
		"it resets then":           {probes: []error{silent}, asks: []error{kind(classify.BoardReset)}, want: classify.BoardReset, asked: 1},
		"the board reset":          {probes: []error{kind(classify.BoardReset)}, want: classify.BoardReset},
		"the board went off":       {probes: []error{nil, kind(classify.BoardOff)}, want: classify.BoardOff},
		"the console was lost":     {probes: []error{kind(classify.TransportLost)}, want: classify.TransportLost},
		"the policy's failure":     {probes: []error{nil, kind(classify.ConsoleAbort)}, want: classify.ConsoleAbort},
		"the deadline":             {probes: []error{kind(classify.DeadlineAttempt)}, want: classify.DeadlineAttempt},
	} {
		t.Run(name, func(t *testing.T) {
			sh := &watched{hostShell: newHostShell(t), probes: tt.probes, asks: tt.asks}
			d, _ := newDUT(t, sh)
			w, err := write(t, d, medium(t, size+507), im)
			if err == nil {
				var r Receipt
				if r, err = w.Verify(t.Context()); err == nil && !r.Valid() {
					t.Error("Verify returned an invalid receipt; want a valid one")
				}
			}
			if k := classify.Facts(err).Kind; k != tt.want {
				t.Errorf("flash = %v of kind %q; want %q", err, k, tt.want)
			}
			asked := 0
			for _, cmd := range sh.ran {
				if cmd.Text == ":" {
					asked++
				}
				if strings.Contains(cmd.Text, "$FL") && !strings.HasPrefix(cmd.Text, "export") && (cmd.Stall == 0) == (cmd.Line == nil) {
					t.Errorf("Stall %s, Timeout %s for %s; want a limit that progress renews", cmd.Stall, cmd.Timeout, cmd.Text)
				}
			}
			if asked != tt.asked {
				t.Errorf("asked %d times whether the board answers; want %d", asked, tt.asked)
			}
		})
	}
}

// TestInterruptedProbe returns the error of a probe that the end of the run interrupted.
func TestInterruptedProbe(t *testing.T) {
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(interrupted)
	d := &ShellFlasher{}
	for _, err := range []error{interrupted, classify.New(classify.ConsoleStall, "silence")} {
		if got := d.optional(ctx, err); got != err {
			t.Errorf("optional(%v) = %v; want it back", err, got)
		}
	}
}

// TestStallTimeoutFor permits a board to be ten times slower than measured, or than minRate if nothing was
// measured.
func TestStallTimeoutFor(t *testing.T) {
	for _, tt := range []struct {
		n, rate int64
		want    time.Duration
	}{
		{0, 0, stallTimeout},
		{4 * mib, 0, stallTimeout + 128*time.Second},
		{64 * mib, 20 * mib, stallTimeout + 32*time.Second},
		{64 * mib, 1000, stallTimeout + 2048*time.Second}, // the measurement may have been disturbed
	} {
		if got := stallTimeoutFor(tt.n, tt.rate); got != tt.want {
			t.Errorf("stallTimeoutFor(%d, %d) = %s; want %s", tt.n, tt.rate, got, tt.want)
		}
	}
}

// TestUnknownBoardReportsOften bounds the entries of a list while a board's speed is not known, so that it prints
// a line within the stall timeout.
func TestUnknownBoardReportsOften(t *testing.T) {
	p := batchSizer{limit: 4 * zeroEntry}
	l, _ := takeZeros([]ddRun{{0, 1 << 40, mib}}, p.limit)
	if l.entry > zeroEntry || l.size < p.limit {
		t.Errorf("a list of %d bytes has an entry of %d; want %d, and %d at most", l.size, l.entry, p.limit, zeroEntry)
	}
	im := newImage(t, random(40*mib, 1))
	for _, g := range ranges(im.Ranges()).groups(medium(t, 40*mib), minGroup) {
		if g.len > zeroEntry {
			t.Errorf("a group of %d bytes; want %d at most", g.len, zeroEntry)
		}
	}
}

// TestTransferStalls runs transfers on a virtual clock: each byte and each line restarts the timeout.
func TestTransferStalls(t *testing.T) {
	const idle, after, total = time.Minute, 5 * time.Minute, 1000
	for name, tt := range map[string]struct {
		step   func(i int, t *stallWatch) // every 50 s
		steps  int
		within time.Duration // the stall after the last step
		want   string
	}{
		"nothing":        {nil, 0, idle, "the board fetched nothing for 1m0s, after 0 of 1000 bytes"},
		"bytes":          {func(_ int, t *stallWatch) { t.add(1) }, 900, idle, "the board fetched nothing for 1m0s, after 900 of 1000 bytes"},
		"lines":          {func(_ int, t *stallWatch) { t.renew() }, 100, idle, "the board fetched nothing for 1m0s, after 0 of 1000 bytes"},
		"in turn":        {func(i int, t *stallWatch) { t.add(int64(i % 2)); t.renew() }, 50, idle, "nothing for 1m0s, after 25 of 1000 bytes"},
		"all, then none": {func(_ int, t *stallWatch) { t.add(total) }, 1, after, "the board fetched all 1000 bytes, and made no progress for 5m0s"},
		"all, and lines": {func(i int, t *stallWatch) { t.add(total / 10); t.renew() }, 40, after, "the board fetched all 1000 bytes, and made no progress for 5m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			clk := &clock.Virtual{}
			d := &ShellFlasher{Clock: clk}
			x := &stallWatch{verb: "fetched", total: total, idleTimeout: idle, afterTimeout: after, progress: func(int64) {}}
			ctx, stop := d.withStallTimeout(t.Context(), x)
			defer stop()
			for i := range tt.steps {
				if err := clk.Sleep(ctx, 50*time.Second); err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
				tt.step(i, x)
			}
			last := clk.Now()
			err := clk.Sleep(ctx, time.Hour)
			if err == nil || !strings.Contains(err.Error(), tt.want) || classify.Facts(err).Kind != classify.ConsoleStall {
				t.Errorf("stall error = %v; want %q", err, tt.want)
			}
			if took := clk.Now().Sub(last); took != tt.within {
				t.Errorf("the stall came after %s; want %s", took, tt.within)
			}
		})
	}
}

// TestSlowBoardIsProbedLess parses the reply of a board that read the first part only: it is read back in small
// groups.
func TestSlowBoardIsProbedLess(t *testing.T) {
	for _, tt := range []struct {
		first string
		want  profile
	}{
		{"first=80=80\nfirst=90=90\n", profile{method: defaultReadMethod, probeTime: 90 * 64, groupSize: slowGroup}},                     // 71 KiB a second
		{"first=16=16\nfirst=16=16\n", profile{method: defaultReadMethod, probeTime: 16 * 64, groupSize: 4 * mib * 100 * 6 / (16 * 64)}}, // 400 KiB a second
		{"first=0=0\n", profile{method: defaultReadMethod}},
		{"", profile{method: defaultReadMethod}},
	} {
		a := reply{fields: map[string][]string{}}
		for _, m := range field.FindAllStringSubmatch(tt.first, -1) {
			a.fields[m[1]] = append(a.fields[m[1]], m[2])
		}
		if got := parseProfile(a); got != tt.want {
			t.Errorf("parseProfile(%q) = %+v; want %+v", tt.first, got, tt.want)
		}
	}
}
