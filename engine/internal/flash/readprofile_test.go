package flash

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// TestReadMethods verifies with each read method: what is right, and what is wrong in data, in zeros and in the
// last byte.
func TestReadMethods(t *testing.T) {
	methods := []readMethod{{"back", "nc"}, {"back", "curl"}}
	for program := range hashes {
		methods = append(methods, readMethod{"pipe", program}, readMethod{"file", program})
	}
	dir := busybox(t)
	if _, err := exec.LookPath("curl"); err == nil {
		withCurl(t, dir)
	}
	sh := hostShellIn(t, dir)
	for _, by := range methods {
		t.Run(by.name+" "+by.program, func(t *testing.T) {
			if _, err := os.Stat(filepath.Join(sh.dir, by.program)); err != nil {
				t.Skipf("LEFT OUT: %v", err)
			}
			d, _ := newDUT(t, sh)
			want := random(5*mib+777, 1)
			clear(want[2*mib : 4*mib])
			im, m := newImage(t, want), medium(t, 8*mib)
			w := d.NewWriter(m, im)
			w.method, w.nc = by, by.program == "nc"
			if err := w.writeRanges(t.Context(), im.Ranges()); err != nil {
				t.Fatal(err)
			}
			if r, err := w.Verify(t.Context()); err != nil || !r.Valid() {
				t.Fatalf("Verify = %v; want a valid receipt\n%s", err, classify.Facts(err).Console)
			}
			f, err := os.OpenFile(m.Device, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for _, at := range []int64{0, 3 * mib, int64(len(want)) - 1} {
				if _, err := f.WriteAt([]byte{want[at] ^ 1}, at); err != nil {
					t.Fatal(err)
				}
				r, err := w.Verify(t.Context())
				if r.Valid() || classify.Facts(err).Kind != classify.VerifyMismatch {
					t.Errorf("Verify with a wrong byte %d = %+v, %v; want %s", at, r, err, classify.VerifyMismatch)
				}
				if err := w.Repair(t.Context()); err != nil {
					t.Fatal(err)
				}
				if r, err = w.Verify(t.Context()); !r.Valid() || w.counts.Rewritten != 1 {
					t.Errorf("Verify after Repair of byte %d = %v, %d rewritten; want a valid receipt, 1 rewritten", at, err, w.counts.Rewritten)
				}
				w.counts.Rewritten = 0
			}
		})
	}
}

// counted counts the replies with a memory size, which ProfileReads causes, and of a copy, which writes.
type counted struct {
	*hostShell
	profiles, copies int
}

func (c *counted) Exec(ctx context.Context, cmd console.Command) (console.Result, error) {
	r, err := c.hostShell.Exec(ctx, cmd)
	c.profiles += strings.Count(r.Output, "free=")
	c.copies += strings.Count(r.Output, "copy=")
	return r, err
}

// TestOneProfile holds that a board is profiled once, before or after the image is staged, and that nothing is
// written before.
func TestOneProfile(t *testing.T) {
	l := layout{{data, probeFrom}}
	im := staged(t, "raw", l)
	sh := &counted{hostShell: newHostShell(t)}
	d, _ := newDUT(t, sh)
	if err := d.ProfileReads(t.Context(), medium(t, mib)); err != nil || sh.profiles != 0 {
		t.Errorf("ProfileReads of a small medium = %d profiles, %v; want 0", sh.profiles, err)
	}
	for _, early := range []bool{false, true} {
		m := medium(t, int64(l.size()))
		sh := &counted{hostShell: newHostShell(t)}
		d, _ := newDUT(t, sh)
		if early {
			if err := d.ProfileReads(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			if sh.profiles != 1 || sh.copies != 0 {
				t.Errorf("ProfileReads = %d profiles, %d copies; want 1, 0", sh.profiles, sh.copies)
			}
		}
		w, err := write(t, d, m, im)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := w.Verify(t.Context()); err != nil || !r.Valid() {
			t.Errorf("Verify = %+v, %v; want a valid receipt", r, err)
		}
		if sh.profiles != 1 || sh.copies != 1 || w.probeTime == 0 {
			t.Errorf("early %t: %d profiles, %d copies, probeTime %d; want 1, 1, and a time", early, sh.profiles, sh.copies, w.probeTime)
		}
	}
}
