package flash

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/flashtest"
)

// TestOldBusybox writes with an nc that starts commands and a dd that cannot wait for full blocks.
func TestOldBusybox(t *testing.T) {
	dir := busybox(t)
	for name, with := range map[string]string{
		"sh": "exec dash \"$@\"", // dash, unlike busybox sh, runs the dd that is in PATH
		"dd": `case "$*" in *fullblock* | *direct*) echo "dd: invalid argument" >&2; exit 1 ;; esac; exec busybox dd "$@"`,
	} {
		path := filepath.Join(dir, name)
		os.Remove(path)
		if err := os.WriteFile(path, []byte("#!/bin/sh\nPATH=$PATH:/usr/bin:/bin; "+with+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := exec.LookPath("dash"); err != nil {
		t.Skip("LEFT OUT: dash is not installed")
	}
	d, _ := newDUT(t, &hostShell{t: t, dir: dir, prefix: "export PATH=" + dir + "; ", shell: []string{"dash", "-c"}})
	im, m := newImage(t, random(20*mib+123, 1)), medium(t, 24*mib)
	w, err := write(t, d, m, im)
	if err != nil {
		t.Fatalf("Write = %v; want no error\n%s", err, classify.Facts(err).Console)
	}
	if !w.nc {
		t.Error("nc = false; want its nc found")
	}
	if r, err := w.Verify(t.Context()); !r.Valid() || err != nil {
		t.Errorf("Verify = %+v, %v; want a valid receipt", r, err)
	}
}

// TestNCThatCannotConnect has a board whose nc waits for the station until it is killed: another way is used.
func TestNCThatCannotConnect(t *testing.T) {
	sh := otherBusybox(t, map[string]string{"nc": "case \"$*\" in --help) exec busybox nc --help;; -w*) exit 1;; esac\nexec busybox nc \"$@\"\n"})
	l := layout{{data, probeFrom}}
	d, _ := newDUT(t, sh)
	m := medium(t, int64(l.size()))
	w, err := write(t, d, m, staged(t, "raw", l))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := w.Verify(t.Context()); err != nil || !r.Valid() || w.nc {
		t.Errorf("Verify = valid %t, %v, nc %t; want a valid receipt without nc", r.Valid(), err, w.nc)
	}
}

// TestShortRead verifies a medium that ends too early: what dd did not read is not taken from the part before it.
func TestShortRead(t *testing.T) {
	half := random(16*mib, 1)
	im := newImage(t, bytes.Repeat(half, 2))
	m := holding(t, bytes.Repeat(half, 2)[:31*mib])
	d, _ := newDUT(t, newHostShell(t))
	for _, by := range []string{"pipe", "file"} {
		w := d.NewWriter(m, im)
		w.method = readMethod{by, "sha256sum"}
		if r, err := w.Verify(t.Context()); r.Valid() || classify.Facts(err).Kind != classify.VerifyMismatch {
			t.Errorf("%s: Verify = %+v, %v; want %s", by, r, err, classify.VerifyMismatch)
		}
	}
}

// TestReadFails distinguishes, for each read method, a medium that cannot be read from a network failure.
func TestReadFails(t *testing.T) {
	const size = 6 * mib
	want := random(size, 1)
	for _, by := range []readMethod{{"pipe", "sha256sum"}, {"file", "sha256sum"}, {"back", "nc"}, {"back", "curl"}} {
		t.Run(by.name+" "+by.program, func(t *testing.T) {
			sh := newHostShell(t)
			if by.program == "curl" {
				sh = hostShellIn(t, busybox(t))
				withCurl(t, sh.dir)
			}
			b := mounted(t, &flashtest.Medium{Size: size, Unreadable: func(off int64, n int) bool { return off+int64(n) > 5*mib }}, false)
			b.Content().WriteAt(want, 0)
			d, _ := newDUT(t, sh)
			for _, path := range []string{b.Path, "/no/such/device"} {
				w := d.NewWriter(mediumOn(path, size), newImage(t, want))
				w.method = by
				if _, err := w.Verify(t.Context()); classify.Facts(err).Kind != classify.VerifyRead {
					t.Errorf("%s: Verify = %v; want %s", path, err, classify.VerifyRead)
				}
			}
		})
	}
}

// TestImageChangesOnTheWayBack compares on the station with an image that changed: the error is the image's, not
// the medium's.
func TestImageChangesOnTheWayBack(t *testing.T) {
	want := random(64*mib, 1)
	im, m := newImage(t, want), holding(t, want)
	f, err := os.OpenFile(im.File().Name(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.WriteAt([]byte{want[5*mib] ^ 1}, 5*mib)
	d, _ := newDUT(t, newHostShell(t))
	w := d.NewWriter(m, im)
	w.method = readMethod{"back", "nc"}
	if _, err := w.Verify(t.Context()); classify.Facts(err).Kind != classify.ImageChanged {
		t.Errorf("Verify = %v; want %s", err, classify.ImageChanged)
	}
}

// flaky is a board whose medium reads back wrong once.
type flaky struct {
	*hostShell
	path string
	once bool
}

func (s *flaky) Exec(ctx context.Context, cmd console.Command) (console.Result, error) {
	if !s.once && strings.HasPrefix(cmd.What, "the read-back") {
		s.once = true
		content, err := os.ReadFile(s.path)
		if err != nil {
			return console.Result{}, err
		}
		defer os.WriteFile(s.path, content, 0o600)
		other := bytes.Clone(content)
		other[5] ^= 1
		os.WriteFile(s.path, other, 0o600)
	}
	return s.hostShell.Exec(ctx, cmd)
}

// TestReadsDisagree reads a part back wrong and then right: it is not verified until it was written again.
func TestReadsDisagree(t *testing.T) {
	want := random(8*mib, 1)
	for _, repair := range []bool{false, true} {
		m := holding(t, want)
		d, _ := newDUT(t, &flaky{hostShell: newHostShell(t), path: m.Device})
		w := d.NewWriter(m, newImage(t, want))
		verify := (*ShellWriter).Verify
		if repair {
			verify = func(w *ShellWriter, ctx context.Context) (Receipt, error) { return repaired(ctx, w) }
		}
		r, err := verify(w, t.Context())
		if r.Valid() != repair || repair && w.counts.Rewritten == 0 || !repair && classify.Facts(err).Kind != classify.VerifyMismatch {
			t.Errorf("repair %t: Verify = valid %t, %v, %d ranges rewritten; want valid %t", repair, r.Valid(), err, w.counts.Rewritten, repair)
		}
	}
}

// TestWriteFailures holds the kind and the text of each failure of a write, with and without nc.
func TestWriteFailures(t *testing.T) {
	big := newImage(t, bytes.Repeat([]byte("data"), 2*mib))
	for name, tt := range map[string]struct {
		change func(d *ShellFlasher, cut *cutter, sh *hostShell, m *Medium)
		kind   classify.Kind
		text   string
	}{
		"cut": {func(d *ShellFlasher, cut *cutter, sh *hostShell, m *Medium) {
			d.Progress = func(step string, done, total int64) {
				if done > total/4 {
					cut.cut()
				}
			}
		}, classify.NetHTTPCut, "broke off after"},
		"no such device": {func(d *ShellFlasher, cut *cutter, sh *hostShell, m *Medium) { m.Device = "/no/such/device" }, classify.WriteFailed, "went away"},
		"device full":    {func(d *ShellFlasher, cut *cutter, sh *hostShell, m *Medium) { m.Device = "/dev/full" }, classify.WriteFailed, "dd exited 1"},
		"no station":     {func(d *ShellFlasher, cut *cutter, sh *hostShell, m *Medium) { d.Station = "127.0.0.99" }, classify.NetHTTP, "cannot fetch from the station"},
		"no tools": {func(d *ShellFlasher, cut *cutter, sh *hostShell, m *Medium) {
			sh.prefix, sh.shell = "PATH=/nowhere; ", []string{"sh", "-c"}
		}, classify.NetHTTP, "cannot fetch from the station"},
	} {
		for _, nc := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, nc %t", name, nc), func(t *testing.T) {
				sh := newHostShell(t)
				d, cut := newDUT(t, sh)
				m := medium(t, mib)
				tt.change(d, cut, sh, &m)
				w := d.NewWriter(m, big)
				w.method, w.nc = defaultReadMethod, nc
				err := w.writeRanges(t.Context(), big.Ranges())
				if f := classify.Facts(err); f.Kind != tt.kind || !strings.Contains(fmt.Sprint(err), tt.text) {
					t.Errorf("writeRanges = %v of kind %s; want %q of %s\n%s", err, f.Kind, tt.text, tt.kind, f.Console)
				}
			})
		}
	}
}

// deaf is a board that never finishes a write.
type deaf struct{ *hostShell }

func (s deaf) Exec(ctx context.Context, cmd console.Command) (console.Result, error) {
	if strings.HasPrefix(cmd.What, "the write") {
		<-ctx.Done()
		return console.Result{}, context.Cause(ctx)
	}
	return s.hostShell.Exec(ctx, cmd)
}

func TestABoardThatFetchesNothing(t *testing.T) {
	d, _ := newDUT(t, deaf{newHostShell(t)})
	clk := &clock.Virtual{}
	d.Clock = clk
	done := make(chan error, 1)
	w := d.NewWriter(medium(t, mib), newImage(t, []byte("image")))
	go func() { done <- w.Write(t.Context()) }()
	for began := clk.Now(); ; {
		select {
		case err := <-done:
			if classify.Facts(err).Kind != classify.ConsoleStall || clk.Now().Sub(began) < stallTimeout {
				t.Errorf("Write = %v after %s; want %s after %s", err, clk.Now().Sub(began), classify.ConsoleStall, stallTimeout)
			}
			return
		default:
			clk.Sleep(t.Context(), time.Second)
		}
	}
}

// TestForceRO writes an eMMC's boot partition: only if the policy permits it, and it is read-only again
// afterwards.
func TestForceRO(t *testing.T) {
	m := medium(t, mib)
	sys := filepath.Join(t.TempDir(), "block")
	node := filepath.Join(sys, filepath.Base(m.Device))
	for name, text := range map[string]string{"ro": "1", "force_ro": "1", "size": "2048", "dev": "179:8", "queue/logical_block_size": "512"} {
		path := filepath.Join(node, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before := helper
	helper = strings.ReplaceAll(helper, "/sys/class/block", sys)
	t.Cleanup(func() { helper = before })
	d, _ := newDUT(t, newHostShell(t))
	im := newImage(t, random(1000, 1))
	if _, err := d.Resolve(t.Context(), m.Target, false); classify.Facts(err).Kind != classify.TargetUnsafe || !strings.Contains(classify.Facts(err).Hint, "clear_force_ro = true") {
		t.Errorf("Resolve = %v, hint %q; want %s with a hint at clear_force_ro", err, classify.Facts(err).Hint, classify.TargetUnsafe)
	}
	m.Target.ClearForceRO = true
	at, err := d.Resolve(t.Context(), m.Target, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := write(t, d, at, im); err != nil {
		t.Fatalf("Write = %v; want no error\n%s", err, classify.Facts(err).Console)
	}
	if r, err := verify(t, d, at, im); err != nil || !r.Valid() {
		t.Errorf("Verify = %+v, %v; want a valid receipt", r, err)
	}
	if text, _ := os.ReadFile(filepath.Join(node, "force_ro")); string(text) != "1\n" {
		t.Errorf("force_ro = %q after the write; want 1", text)
	}
}
