package flash

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// claims is a board that replies to the query for a medium with fixed lines.
type claims struct{ device, lines string }

func (c claims) Exec(context.Context, console.Command) (console.Result, error) {
	sum := sha256.Sum256([]byte("info " + c.device + "\n" + c.lines))
	return console.Result{Output: fmt.Sprintf("%sseal=%x\n", c.lines, sum)}, nil
}

// TestResolveRefusesImpossibleSizes holds which sizes of a medium are refused as impossible.
func TestResolveRefusesImpossibleSizes(t *testing.T) {
	for _, c := range []struct {
		sectors, sector string
		want            int64 // bytes; 0 is a refusal
	}{
		{"2048", "512", 1 << 20},
		{"2048", "4096", 1 << 20}, // sysfs counts 512-byte sectors on every device
		{"1125899906842624", "512", 1 << 59},
		{"1125899906842625", "512", 0},
		{"36028797018963970", "512", 0}, // 1,024 bytes in a number of 64 bits
		{"9223372036854775807", "512", 0},
		{"18446744073709551615", "512", 0},
		{"-2048", "512", 0},
		{"2048", "0", 0},
		{"2048", "-512", 0},
		{"2048", "520", 0},
		{"2048", "1048576", 0},
		{"2048", "4611686018427387904", 0},
	} {
		const device = "/dev/mmcblk0"
		d, _ := newDUT(t, claims{device, fmt.Sprintf("device=%s\ndisk=179:0\nfirst=0\nsectors=%s\nsector=%s\n", device, c.sectors, c.sector)})
		d.loaded = true
		m, err := d.Resolve(t.Context(), Target{Name: "emmc", Path: device}, false)
		switch {
		case c.want > 0 && (err != nil || m.Size != c.want):
			t.Errorf("%s sectors of %s: %d bytes, %v; want %d", c.sectors, c.sector, m.Size, err, c.want)
		case c.want == 0 && (classify.Facts(err).Kind != classify.TargetMissing || !strings.Contains(err.Error(), "does not tell where")):
			t.Errorf("%s sectors of %s: %d bytes, %v; want %s", c.sectors, c.sector, m.Size, err, classify.TargetMissing)
		}
	}
}

func TestFitsTheLargestNumbers(t *testing.T) {
	m := Medium{Target: Target{Name: "emmc"}, Device: "/dev/mmcblk0", Size: 1 << 59, Sector: 512}
	for size, want := range map[int64]bool{1 << 59: true, 1<<59 - 511: true, 1<<59 + 1: false, math.MaxInt64: false, math.MaxInt64 - 511: false} {
		if err := m.Fits(size, true); (err == nil) != want {
			t.Errorf("Fits(%d) = %v; want %v", size, err, want)
		}
	}
}

// endless is a stream of left bytes; reading more fails the test.
type endless struct {
	t    *testing.T
	left int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left -= len(p); e.left < 0 {
		e.t.Error("Read of a stream without end was called too often")
		return 0, io.ErrUnexpectedEOF
	}
	return len(p), nil
}

// TestBoardSendsWithoutEnd reads no more than the first byte after the requested ones.
func TestBoardSendsWithoutEnd(t *testing.T) {
	content := random(mib, 1)
	im, m := newImage(t, content), medium(t, 2*mib)
	w := (&ShellFlasher{}).NewWriter(m, im)
	groups := ranges(im.Ranges()).groups(m, minGroup)
	bad, err := w.compareStream(groups, io.MultiReader(strings.NewReader(string(content)), &endless{t, 4 * mib}))
	if bad != nil || err == nil || !strings.Contains(err.Error(), "goes on after the last byte") {
		t.Errorf("compareStream = %v, %v; want an error", bad, err)
	}
	if bad, err := w.compareStream(groups, strings.NewReader(string(content))); bad != nil || err != nil {
		t.Errorf("compareStream of the requested bytes = %v, %v; want nil, nil", bad, err)
	}
}
