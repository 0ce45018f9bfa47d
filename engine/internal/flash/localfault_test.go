package flash

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/flashtest"
)

// TestLocalBitRot: what changes on the medium between writing and reading back is found, and written again.
func TestLocalBitRot(t *testing.T) {
	const size = 40 * mib
	backing := full(t, size)
	disk, err := os.OpenFile(backing, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	want := random(size, 8)
	im, device := newImage(t, want), loop(t, backing)
	var rot sync.Once
	target, err := BlockTarget{Path: device, Progress: func(step string, done, total int64) {
		if step == "verify" { // the last range is not read yet
			rot.Do(func() { disk.WriteAt([]byte{want[size-7] ^ 1}, size-7) })
		}
	}}.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	rot.Do(func() {}) // the first pass is without
	if r, err := throughout(t.Context(), target, im); err != nil || r != (Counts{Written: size}) {
		t.Fatalf("without: %+v, %v", r, err)
	}
	rot = sync.Once{}
	disk.WriteAt(random(size, 9), 0) // so that all is written
	r, err := throughout(t.Context(), target, im)
	got, _ := os.ReadFile(device)
	if err != nil || r != (Counts{Written: size, Rewritten: 1}) || !bytes.Equal(got, want) {
		t.Errorf("%+v, %v; it is equal: %v", r, err, bytes.Equal(got, want))
	}
}

// TestAlwaysWrong: a medium with one byte that cannot be right is never verified, whoever writes it.
func TestAlwaysWrong(t *testing.T) {
	const size, at = 5*mib + 512, 3*mib + 77
	for name, put := range onMedium {
		m := bad(t, &flashtest.Medium{Size: size, Spoil: func(p []byte, off int64) {
			if off <= at && at < off+int64(len(p)) {
				p[at-off] ^= 0x40
			}
		}}, true)
		if err := put(t, m.Path, newImage(t, random(size, 9))); classify.Find(err, classify.VerifyMismatch) == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLosesWhatIsFar: a medium that says yes to what lies behind its end and keeps none of it is never verified.
func TestLosesWhatIsFar(t *testing.T) {
	const size, end = 17 * mib, 15 * mib
	for name, put := range onMedium {
		m := bad(t, &flashtest.Medium{Size: size, Spoil: func(p []byte, off int64) {
			if from := max(end-off, 0); from < int64(len(p)) {
				clear(p[from:])
			}
		}}, true)
		im := newImage(t, random(size, 10))
		for range 2 {
			if err := put(t, m.Path, im); classify.Find(err, classify.VerifyMismatch) == nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestLocalReflash writes the next image over the last: what is the same stays.
func TestLocalReflash(t *testing.T) {
	const size = 20*mib + 4321
	path := filepath.Join(t.TempDir(), "medium")
	want := random(size, 11)
	clear(want[6*mib : 15*mib])
	for i, written := range []int64{size, 0, 2*writeBlock + size%writeBlock} {
		if i == 2 {
			want[5*mib] ^= 1
			want[9*mib] = 1 // was zero
			want[size-1] ^= 1
		}
		r, err := writeLocal(t, t.Context(), path, want)
		got, _ := os.ReadFile(path)
		if err != nil || r.Rewritten != 0 || !bytes.Equal(got, want) || r.Written > written || (r.Written == 0) != (written == 0) {
			t.Errorf("%d: %+v, %v; want up to %d bytes", i, r, err, written)
		}
	}
}
