package flash

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/flashtest"
)

// bad mounts a bad medium.
func bad(t *testing.T, m *flashtest.Medium, full bool) *flashtest.Medium {
	t.Helper()
	if err := m.Mount(t.TempDir(), full); err != nil {
		t.Skipf("LEFT OUT: a medium of our own cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := m.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// loop makes a block device of a file.
func loop(t *testing.T, backing string, options ...string) string {
	t.Helper()
	out, err := exec.Command("losetup", append(options, "--find", "--show", backing)...).CombinedOutput()
	if err != nil {
		t.Skipf("LEFT OUT: a loop device cannot be made: %v: %s", err, out)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "--detach", device).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return device
}

// TestLoopsAreRefused: a file that is a device's medium is not written behind its back, and a read-only device not at all.
func TestLoopsAreRefused(t *testing.T) {
	path := full(t, mib)
	device := loop(t, path)
	if _, err := (BlockTarget{Path: path}).Open(""); classify.Facts(err).Kind != classify.TargetUnsafe || !strings.Contains(err.Error(), device) {
		t.Errorf("the file of %s: %v", device, err)
	}
	forced, err := BlockTarget{Path: path, Force: true}.Open("")
	if err != nil {
		t.Fatalf("--force: %v", err)
	}
	forced.Close()
	if _, err := (BlockTarget{Path: loop(t, full(t, mib), "--read-only"), Force: true}).Open(""); classify.Facts(err).Kind != classify.TargetUnsafe || !strings.Contains(err.Error(), "is read-only") {
		t.Errorf("read-only: %v", err)
	}
}

// full is a file full of 0xff.
func full(t *testing.T, size int) string {
	path := filepath.Join(t.TempDir(), "backing")
	if err := os.WriteFile(path, bytes.Repeat([]byte{0xff}, size), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// onMedium are the ways to a medium that a file is: the file itself, a block device of it, and a board's own hands.
var onMedium = map[string]func(t *testing.T, path string, im Image) error{
	"file":   func(t *testing.T, path string, im Image) error { return local(t, path, im) },
	"device": func(t *testing.T, path string, im Image) error { return local(t, loop(t, path), im) },
	"board": func(t *testing.T, path string, im Image) error {
		d, _ := newDUT(t, slow{newHostShell(t)})
		w, err := write(t, d, Medium{Target: Target{Name: "disk", Path: path}, Device: path, Size: im.Size(), Sector: 512}, im)
		if err == nil {
			_, err = repaired(t.Context(), w)
		}
		return err
	},
}

// slow is a board for which comparing first always pays.
type slow struct{ *hostShell }

var copyTime = regexp.MustCompile(`copy=\d+=\d+`)

func (s slow) Exec(ctx context.Context, cmd console.Command) (console.Result, error) {
	r, err := s.hostShell.Exec(ctx, cmd)
	r.Output = copyTime.ReplaceAllString(r.Output, "copy=99999=99999")
	return r, err
}

func local(t *testing.T, path string, im Image) error {
	target, err := BlockTarget{Path: path}.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	_, err = throughout(t.Context(), target, im)
	return err
}

// TestSmallerByASector: what reads back wrong is the image's last sector, which it does not fill.
func TestSmallerByASector(t *testing.T) {
	const real = 8 * mib
	m := bad(t, &flashtest.Medium{Size: real + 4096, Real: real}, true)
	im := newImage(t, random(real+300, 8))
	for attempt := range 4 {
		if err := local(t, loop(t, m.Path), im); classify.Find(err, classify.VerifyMismatch) == nil {
			t.Errorf("attempt %d: %v", attempt, err)
		}
	}
}

// TestSmallerThanItSays: a medium that keeps one block in the place of another never holds the image, neither when it is
// flashed for the first time nor when most of it is right already.
func TestSmallerThanItSays(t *testing.T) {
	const size = probeFrom
	data := random(size, 7)
	for name, put := range onMedium {
		for _, real := range []int{size / 2, size / 8 * 7} {
			for what, before := range map[string][]byte{"new": nil, "begin is right": data[:real], "end is right": slices.Concat(data[real:], data[size-real:real])} {
				if name == "board" && !soak && (what == "new") != (real == size/2) {
					continue // it hashes slowly
				}
				t.Run(fmt.Sprint(name, ", ", what, ", ", real), func(t *testing.T) {
					m := bad(t, &flashtest.Medium{Size: size, Real: int64(real)}, true)
					if _, err := m.Content().WriteAt(before, 0); err != nil {
						t.Fatal(err)
					}
					im := newImage(t, data)
					attempts := 1
					if before == nil { // then the second finds half of it right
						attempts = 2
					}
					for attempt := range attempts {
						if err := put(t, m.Path, im); classify.Find(err, classify.VerifyMismatch) == nil {
							t.Fatalf("attempt %d: %v", attempt, err)
						}
					}
				})
			}
		}
	}
}
