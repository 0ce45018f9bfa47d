package engine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/internal/flash"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// books is a ledger of up to three media: a and b are on one disk, c is on another one. They have the same image.
// The receipt is that of a real write, because only package flash can make one.
type books struct {
	ledger
	a, b, c  *medium
	receipt  flash.Receipt
	readings map[*medium]int64
	log      []string // what the fake writers did
}

// proven reports whether the ledger is.
func (b *books) proven() bool { return b.proofError() == nil }

func newBooks(t *testing.T, names string) *books {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "image"), filepath.Join(dir, "medium")
	if err := os.WriteFile(in, []byte("imag\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	im, err := image.Open(t.Context(), image.Ref(in))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { im.Close() })
	target, err := flash.BlockTarget{Path: out}.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	w, err := target.NewWriter(im)
	if err == nil {
		err = w.Write(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	bk := &books{ledger: ledger{clock: &clock.Virtual{}, idle: Untouched}, readings: map[*medium]int64{}}
	if bk.receipt, err = w.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	half := func(disk string, first int64) *medium {
		staged := &stagedImage{}
		staged.opened.Store(im)
		return &medium{stagedImage: staged, target: target.Target(), device: out, extents: []flash.Extent{{Disk: disk, First: first, Length: 8}}}
	}
	bk.a, bk.b, bk.c = half("8:0", 0), half("8:0", 8), half("8:16", 0)
	for _, name := range names {
		bk.add(bk.medium(string(name)))
	}
	return bk
}

func (bk *books) medium(name string) *medium {
	return map[string]*medium{"a": bk.a, "b": bk.b, "c": bk.c}[name]
}

// enter applies a line: a verb and the name of a medium, or a state of all media.
func (bk *books) enter(line string) {
	verb, name, _ := strings.Cut(line, " ")
	m := bk.medium(name)
	switch verb {
	case "write":
		bk.changing(m)
	case "complete":
		bk.complete(m)
	case "read":
		bk.readings[m] = bk.reading(m)
	case "prove":
		bk.prove(m, bk.receipt, bk.readings[m])
	case "verify":
		bk.prove(m, bk.receipt, bk.reading(m))
	case "lie": // no receipt, and one of another medium
		bk.prove(m, flash.Receipt{}, bk.reading(m))
		other := bk.receipt
		other.Target.Name = "another"
		bk.prove(m, other, bk.reading(m))
	case "fail":
		bk.void(m)
	case "command":
		bk.voidAll()
	default:
		bk.mark(State(verb))
	}
}

func TestLedger(t *testing.T) {
	for _, tt := range []struct {
		media  string
		only   bool // nothing is written
		lines  string
		states string // of each, and of all
		proven bool
	}{
		{"a", false, "", "untouched = untouched", false},
		{"a", false, "write a", "partial = partial", false},
		{"a", false, "write a; complete a", "written = written", false},
		{"a", false, "complete a", "written = written", false}, // it was right already
		{"a", false, "write a; complete a; verify a", "verified = verified", true},
		{"a", false, "write a; complete a; lie a", "written = written", false},
		{"a", false, "write a; complete a; verify a; write a", "partial = partial", false},
		{"a", false, "write a; complete a; fail a", "written = written", false},
		{"a", false, "write a; fail a", "partial = partial", false},
		{"a", false, "write a; complete a; verify a; command", "written = written", false},
		{"a", false, "write a; complete a; verify a; command; verify a", "verified = verified", true},
		{"a", false, "write a; complete a; verify a; partial", "partial = partial", false},
		{"a", false, "unknown", "unknown = unknown", false},
		{"a", false, "write a; complete a; read a; write a; complete a; prove a", "written = written", false}, // written while it was read
		{"a", false, "read a; write a; complete a; read a; prove a", "verified = verified", true},
		{"a", true, "verify a", "verified = verified", true},
		{"a", true, "verify a; command", "untouched = untouched", false},
		{"a", true, "verify a; fail a", "untouched = untouched", false},

		{"ab", false, "write a; complete a", "written untouched = partial", false},
		{"ab", false, "write a; complete a; write b; complete b; verify a; verify b", "verified verified = verified", true},
		{"ab", false, "write a; complete a; verify a; write b; complete b; verify b", "written verified = written", false},
		{"ab", false, "write a; complete a; write b; complete b; read a; read b; prove b; write b; complete b; prove a", "written written = written", false},
		{"ab", false, "write b; complete b; verify b; complete a; verify a", "verified verified = verified", true}, // nothing was written to a
		{"ac", false, "write a; complete a; verify a; write c; complete c; verify c", "verified verified = verified", true},
		{"ac", false, "write a; complete a; verify a; write c", "verified partial = partial", false},
		{"abc", false, "write a; complete a; write b; complete b; verify a; verify b; complete c", "verified verified written = written", false},
		{"abc", false, "write a; complete a; write b; complete b; write c; complete c; verify a; verify c; write a", "partial written verified = partial", false},
		{"ab", true, "verify a", "verified untouched = partial", false},
		{"", false, "", "= untouched", false},
		{"", false, "unknown", "= unknown", false},
	} {
		bk := newBooks(t, tt.media)
		bk.readOnly = tt.only
		for line := range strings.SplitSeq(tt.lines, "; ") {
			if line != "" {
				bk.enter(line)
			}
		}
		var states []string
		bk.each(func(m *medium) { states = append(states, string(m.state)) })
		if got := strings.TrimSpace(strings.Join(states, " ") + " = " + string(bk.state())); got != tt.states || bk.proven() != tt.proven {
			t.Errorf("ledger of %q, verify only %t, after %q = %q, proven %t; want %q, %t", tt.media, tt.only, tt.lines, got, bk.proven(), tt.states, tt.proven)
		}
	}
}

// TestStateOfAll holds the combined state of two media.
func TestStateOfAll(t *testing.T) {
	for _, tt := range []struct{ a, b, want State }{
		{Untouched, Untouched, Untouched},
		{Untouched, Written, Partial},
		{Untouched, Verified, Partial},
		{Written, Verified, Written},
		{Partial, Verified, Partial},
		{Partial, Written, Partial},
		{Unknown, Untouched, Unknown},
		{Unknown, Partial, Unknown},
		{Unknown, Verified, Unknown},
	} {
		for _, states := range [][]State{{tt.a, tt.b}, {tt.b, tt.a}} {
			l := ledger{media: []*medium{{state: states[0]}, {state: states[1]}}}
			if got := l.state(); got != tt.want {
				t.Errorf("state of %v = %s; want %s", states, got, tt.want)
			}
		}
	}
}

// fake is a writer of four bytes of a disk. It logs its actions.
type fake struct {
	name     string
	bk       *books
	changing func()
	disk     func(i int) *byte
	unread   bool
	right    bool // Write finds it so
	rots     bool // once, before it is read
	counts   flash.Counts
}

func (f *fake) note(verb string) { f.bk.log = append(f.bk.log, verb+" "+f.name) }

func (f *fake) fill() {
	f.note("write")
	f.changing()
	for i := range 4 {
		*f.disk(i) = f.name[0]
	}
	f.unread = true
}

func (f *fake) Write(context.Context) error {
	if f.right {
		f.note("look at")
		f.unread = false
		return nil
	}
	f.fill()
	return nil
}

func (f *fake) Verify(context.Context) (flash.Receipt, error) {
	if !f.unread {
		return f.bk.receipt, nil
	}
	f.note("read")
	if f.rots {
		f.rots, *f.disk(0) = false, 0
	}
	for i := range 4 {
		if *f.disk(i) != f.name[0] {
			return flash.Receipt{}, classify.New(classify.VerifyMismatch, "%s is wrong", f.name)
		}
	}
	return f.bk.receipt, nil
}

func (f *fake) Repair(context.Context) error {
	f.counts.Rewritten++
	f.fill()
	return nil
}

func (f *fake) Distrust()            { f.unread = true }
func (f *fake) Counts() flash.Counts { return f.counts }

// TestProofIsYoungerThanTheLastWrite: all media of a disk are written before the first of them is read back, and a
// repair of one of them makes the others read again.
func TestProofIsYoungerThanTheLastWrite(t *testing.T) {
	for _, tt := range []struct {
		media       string
		right, rots string // names
		size        int    // of the disk of a and b; a write after its end goes to its beginning
		log         string
		kind        classify.Kind
		state       State
	}{
		{media: "ab", size: 8, log: "write a, write b, read a, read b", state: Verified},
		{media: "ab", size: 8, right: "b", log: "write a, look at b, read a", state: Verified},
		{media: "ab", size: 8, right: "a", log: "look at a, write b, read a, read b", state: Verified},
		{media: "ab", size: 8, right: "ab", log: "look at a, look at b", state: Verified},
		{media: "ab", size: 8, rots: "a", log: "write a, write b, read a, write a, read a, read b", state: Verified},
		{media: "ab", size: 8, rots: "b", log: "write a, write b, read a, read b, write b, read b, read a", state: Verified},
		{media: "ab", size: 8, rots: "ab", log: "write a, write b, read a, write a, read a, read b, write b, read b, read a", state: Verified},
		{media: "ac", size: 8, rots: "c", log: "write a, write c, read a, read c, write c, read c", state: Verified},
		// A medium that is smaller than it reports: its partitions share their bytes.
		{media: "ab", size: 4, log: "write a, write b, read a, write a, read a, read b, write b, read b, read a", kind: classify.VerifyMismatch, state: Written},
		{media: "ab", size: 4, right: "a", log: "look at a, write b, read a, write a, read a, read b, write b, read b, read a", kind: classify.VerifyMismatch, state: Written},
	} {
		bk := newBooks(t, tt.media)
		ws := &writes{ledger: &bk.ledger}
		one, other := make([]byte, tt.size), make([]byte, 4)
		for _, name := range strings.Split(tt.media, "") {
			m := bk.medium(name)
			f := &fake{name: name, bk: bk, changing: func() { ws.changing(m) }, right: strings.Contains(tt.right, name), rots: strings.Contains(tt.rots, name)}
			f.disk = func(i int) *byte {
				if name == "c" {
					return &other[i]
				}
				return &one[(i+4*strings.Index("ab", name))%tt.size]
			}
			if f.right {
				for i := range 4 {
					*f.disk(i) = name[0]
				}
			}
			ws.all = append(ws.all, &writing{medium: m, Writer: f})
		}
		var err error
		for _, w := range ws.all {
			if err == nil {
				err = ws.write(t.Context(), w)
			}
		}
		if err == nil {
			err = ws.prove(t.Context(), func(ctx context.Context, w *writing) error { return ws.verify(ctx, w, true) })
		}
		if log := strings.Join(bk.log, ", "); log != tt.log || classify.Facts(err).Kind != tt.kind || bk.state() != tt.state || bk.proven() != (tt.kind == "") {
			t.Errorf("media %q, right %q, rots %q, %d bytes: %s\n%v, %s, proven %t; want %s\n%s, %s", tt.media, tt.right, tt.rots, tt.size, log, err, bk.state(), bk.proven(), tt.log, tt.kind, tt.state)
		}
		proven := bk.proven()
		bk.each(func(m *medium) {
			if proven && m.read <= m.lastWrite {
				t.Errorf("%s: the receipt is of read-back %d; want one after number %d, the last before the last write", tt.log, m.read, m.lastWrite)
			}
		})
	}
}

// TestPlanRefusesOneTargetTwice: two images for the same partition are refused before the board gets power.
func TestPlanRefusesOneTargetTwice(t *testing.T) {
	for _, labels := range [][]string{{"boot", "boot"}, {"boot", "rootfs", "boot"}, {"", "boot"}, {"boot", ""}, {"", ""}} {
		b := newBench(t, failing(nil))
		for _, label := range labels {
			b.job.Parts = append(b.job.Parts, Part{Label: label, Image: b.job.Image})
		}
		r, _ := b.run(t)
		wantReport(t, r, ExitPlan, classify.RuleFatal, classify.TargetUnsafe, 0)
		if r.Target.State != Untouched || r.Hint == "" || len(b.switched) > 0 {
			t.Errorf("parts %q: target %s, hint %q, power %v; want untouched, a hint, no switch", labels, r.Target.State, r.Hint, b.switched)
		}
	}
}
