package flash

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

// flashTarget writes an image to an open target, verifies it and repairs it once.
func flashTarget(t *testing.T, target *BlockDevice, im Image) (Counts, error) {
	w, err := target.NewWriter(im)
	if err != nil {
		t.Fatal(err)
	}
	if err = w.Write(t.Context()); err == nil {
		_, err = repaired(t.Context(), w)
	}
	return w.Counts(), err
}

// TestImageReadsDifferently writes an image that reads differently each time: it is never verified.
func TestImageReadsDifferently(t *testing.T) {
	path := filepath.Join(t.TempDir(), "medium")
	data := random(2*writeBlock, 6)
	target, err := BlockTarget{Path: path}.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	im := &fickle{picture: newImage(t, data)}
	r, err := flashTarget(t, target, im)
	if classify.Find(err, classify.VerifyMismatch) == nil || r.Rewritten == 0 {
		t.Errorf("flash = %+v, %v; want %s after a repair", r, err, classify.VerifyMismatch)
	}
}

// fickle is an image that reads differently each time.
type fickle struct {
	*picture
	reads atomic.Int32
}

func (f *fickle) ReadAt(p []byte, off int64) (int, error) {
	n := byte(f.reads.Add(1))
	for i := range p {
		p[i] = n
	}
	return len(p), nil
}

// TestBeginIsRight compares in advance a medium of which only the begin is right. Write clears the begin and
// writes it last, which must not count as a fault of the medium.
func TestBeginIsRight(t *testing.T) {
	const size = 48 * mib // large enough that the first range is not one of the samples
	want := random(size, 12)
	path := full(t, size)
	if err := os.WriteFile(path, slices.Concat(want[:writeBlock], bytes.Repeat([]byte{0xff}, size-writeBlock)), 0o600); err != nil {
		t.Fatal(err)
	}
	target, err := BlockTarget{Path: path}.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	im := newImage(t, want).Image
	early := target.StartPrecompare()
	for _, r := range im.Ranges() {
		early.Add(im, r)
	}
	for compared := 0; compared < len(im.Ranges()); runtime.Gosched() {
		early.mu.Lock()
		compared = len(early.results)
		early.mu.Unlock()
	}
	if r, err := flashTarget(t, target, im); err != nil || r.Rewritten != 0 {
		t.Errorf("flash = %+v, %v; want nothing rewritten", r, err)
	}
}
