package flash

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/flashtest"
)

// on is a file that a board takes for a disk.
func on(path string, size int64) Medium {
	return Medium{Target: Target{Name: "disk", Path: path}, Device: path, Size: size, Sector: 512}
}

// holding is a file with some content.
func holding(t *testing.T, content []byte) Medium {
	m := medium(t, int64(len(content)))
	if err := os.WriteFile(m.Device, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return m
}

// withCurl gives a board a program that its busybox has not.
func withCurl(t *testing.T, sh *hostShell) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("LEFT OUT: curl is not installed")
	}
	if err := os.Symlink(curl, filepath.Join(sh.dir, "curl")); err != nil {
		t.Fatal(err)
	}
}

// TestOldBusybox: nc starts commands, and dd cannot wait for whole blocks.
func TestOldBusybox(t *testing.T) {
	dir := busybox(t)
	for name, with := range map[string]string{
		"sh": "exec dash \"$@\"", // which does not prefer its own dd
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
		t.Fatalf("%v\n%s", err, classify.Facts(err).Console)
	}
	if !w.nc {
		t.Error("its nc was not found")
	}
	if r, err := w.Verify(t.Context()); !r.Valid() || err != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestShortRead: what dd could not read of a part is not taken from the part before.
func TestShortRead(t *testing.T) {
	half := random(16*mib, 1)
	im := newImage(t, bytes.Repeat(half, 2))
	m := holding(t, bytes.Repeat(half, 2)[:31*mib])
	d, _ := newDUT(t, newHostShell(t))
	for _, by := range []string{"pipe", "file"} {
		w := d.NewWriter(m, im)
		w.method = readMethod{by, "sha256sum"}
		if r, err := w.Verify(t.Context()); r.Valid() || classify.Facts(err).Kind != classify.VerifyMismatch {
			t.Errorf("%s: %+v, %v", by, r, err)
		}
	}
}

// TestReadFails: whatever way a board reads back in, a medium that cannot be read is told from a network that fails.
func TestReadFails(t *testing.T) {
	const size = 6 * mib
	want := random(size, 1)
	for _, by := range []readMethod{{"pipe", "sha256sum"}, {"file", "sha256sum"}, {"back", "nc"}, {"back", "curl"}} {
		t.Run(by.name+" "+by.program, func(t *testing.T) {
			sh := newHostShell(t)
			if by.program == "curl" {
				withCurl(t, sh)
			}
			b := bad(t, &flashtest.Medium{Size: size, Unreadable: func(off int64, n int) bool { return off+int64(n) > 5*mib }}, false)
			b.Content().WriteAt(want, 0)
			d, _ := newDUT(t, sh)
			for _, path := range []string{b.Path, "/no/such/device"} {
				w := d.NewWriter(on(path, size), newImage(t, want))
				w.method = by
				if _, err := w.Verify(t.Context()); classify.Facts(err).Kind != classify.VerifyRead {
					t.Errorf("%s: %v", path, err)
				}
			}
		})
	}
}

// TestImageChangesOnTheWayBack: the image is to blame, not the medium.
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
		t.Errorf("%v", err)
	}
}

// TestHealsWhenWritten: a place that cannot be read before it is written, as after a power cut, is written.
func TestHealsWhenWritten(t *testing.T) {
	const size = 20 * mib
	want := random(size, 1)
	for name, put := range onMedium {
		for _, at := range []int64{0, 7*mib + 100<<10} {
			var healed atomic.Bool
			hits := func(off int64, n int) bool { return off <= at && at < off+int64(n) }
			b := bad(t, &flashtest.Medium{
				Size:       size,
				Unreadable: func(off int64, n int) bool { return !healed.Load() && hits(off, n) },
				Before: func(write bool, off int64, n int) {
					if write && hits(off, n) {
						healed.Store(true)
					}
				},
			}, false)
			b.Content().WriteAt(want, 0)
			b.Content().WriteAt([]byte{want[3*mib] ^ 1}, 3*mib)
			if err := put(t, b.Path, newImage(t, want)); err != nil {
				t.Errorf("%s, byte %d: %v", name, at, err)
			}
		}
	}
}

// flaky is a board whose medium reads back wrong once.
type flaky struct {
	*hostShell
	path string
	once bool
}

func (s *flaky) Exec(ctx context.Context, cmd console.Command) (console.Result, error) {
	if !s.once && strings.Contains(cmd.Text, "'compare'") {
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

// TestReadsOnceSoAndOnceSo: what read back wrong and then right is not verified without a word.
func TestReadsOnceSoAndOnceSo(t *testing.T) {
	want := random(8*mib, 1)
	for _, mend := range []bool{false, true} {
		m := holding(t, want)
		d, _ := newDUT(t, &flaky{hostShell: newHostShell(t), path: m.Device})
		w := d.NewWriter(m, newImage(t, want))
		verify := (*ShellWriter).Verify
		if mend {
			verify = func(w *ShellWriter, ctx context.Context) (Receipt, error) { return repaired(ctx, w) }
		}
		r, err := verify(w, t.Context())
		if r.Valid() != mend || mend && w.counts.Rewritten == 0 || !mend && classify.Facts(err).Kind != classify.VerifyMismatch {
			t.Errorf("mend %t: valid %t, %d ranges rewritten, %v", mend, r.Valid(), w.counts.Rewritten, err)
		}
	}
}
