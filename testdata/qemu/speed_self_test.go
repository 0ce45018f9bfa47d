package qemu

import (
	"bytes"
	"math/rand"
	"os"
	"path/filepath"
	"testing"
)

// TestSpeedHarness has the parts that say what a benchmark proves prove themselves: places are as many as they
// must be and apart, and a medium that differs by a byte is not taken for the image.
func TestSpeedHarness(t *testing.T) {
	const size, data = 64 << 20, 25 << 20
	places := scatter(rand.New(rand.NewSource(1)), size, data, leastPiece, mostPiece)
	changes := within(places, scatter(rand.New(rand.NewSource(2)), data, data/10, leastPiece, mostChange))
	for name, extents := range map[string][]extent{"places": places, "changes": changes} {
		var end int64
		for _, e := range extents {
			if e.at < end || e.size <= 0 || e.at+e.size > size || e.at%fileBlock != 0 {
				t.Errorf("%s: %+v after %d; want apart, in blocks, within the image", name, e, end)
			}
			end = e.at + e.size
		}
	}
	if got := total(places); got != data {
		t.Errorf("total(places) = %d; want %d", got, data)
	}
	if got := total(changes); got != data/10/fileBlock*fileBlock {
		t.Errorf("total(changes) = %d; want a tenth of %d", got, data)
	}
	if got := median([]float64{9, 1, 2}); got != 2 {
		t.Errorf("median(9, 1, 2) = %f; want 2", got)
	}
}

func TestSpeedHarnessSeesABlemish(t *testing.T) {
	const size = 2*mediumBlock + 4*fileBlock
	image, medium := filepath.Join(t.TempDir(), "image"), filepath.Join(t.TempDir(), "medium")
	content := make([]byte, size) // zeros, which a medium of ones does not have
	for _, err := range []error{os.WriteFile(image, content, 0o600), sparseFile(medium, size), overwrite(medium, ones{}, size)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if holds(medium, image, extent{0, size}) == nil {
		t.Error("holds(ones) = nil; want an error: the image has zeros")
	}
	content[size-1] = 1
	if err := overwrite(medium, bytes.NewReader(content), size); err != nil {
		t.Fatal(err)
	}
	if err := holds(medium, image, extent{0, size - fileBlock}); err != nil {
		t.Error(err)
	}
	if holds(medium, image, extent{0, size}) == nil {
		t.Error("holds = nil; want an error of the last byte")
	}
}
