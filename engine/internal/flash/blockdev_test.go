package flash

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
)

func random(n int, seed byte) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(p)
	return p
}

// writeLocal writes data to path and gives what was done.
func writeLocal(t *testing.T, ctx context.Context, path string, data []byte) (Counts, error) {
	t.Helper()
	target, err := BlockTarget{Path: path}.Open("")
	if err != nil {
		return Counts{}, err
	}
	defer target.Close()
	return throughout(ctx, target, newImage(t, data))
}

func TestLocalFile(t *testing.T) {
	for _, size := range []int{1, 511, 512, 4096, 4097, writeBlock - 1, writeBlock, writeBlock + 1, 3*writeBlock + 12345} {
		path, data := filepath.Join(t.TempDir(), "medium"), random(size, 1)
		for _, before := range []struct {
			what    string
			content []byte
			written int // blocks, at most
		}{
			{"nothing", nil, 4},
			{"what is right", data, 0},
			{"something longer", random(size+writeBlock, 2), 4},
			{"one wrong byte", append(append([]byte(nil), data[:size-1]...), data[size-1]^1), 1},
		} {
			if err := os.WriteFile(path, before.content, 0o600); err != nil {
				t.Fatal(err)
			}
			r, err := writeLocal(t, t.Context(), path, data)
			got, _ := os.ReadFile(path)
			if err != nil || !bytes.Equal(got, data) || r.Rewritten != 0 || r.Written > int64(before.written*writeBlock) {
				t.Errorf("%d bytes over %s: %+v, %v, %d bytes there", size, before.what, r, err, len(got))
			}
		}
	}
}

// TestLocalDevice writes a loop device: to its last byte, again with one block changed, and too much.
func TestLocalDevice(t *testing.T) {
	const sectors = 2*writeBlock/512 + 3
	backing := filepath.Join(t.TempDir(), "backing")
	if err := os.WriteFile(backing, bytes.Repeat([]byte{0xff}, sectors*512), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "--find", "--show", backing).Output()
	if err != nil {
		t.Skipf("LEFT OUT: a loop device cannot be made: %v", err)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "--detach", device).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	data := random(sectors*512-100, 3)
	content := func() []byte {
		p, err := os.ReadFile(device)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, written := range []int64{sectors * 512, 0, writeBlock} {
		r, err := writeLocal(t, t.Context(), device, data)
		want := append(append([]byte(nil), data...), make([]byte, 100)...)
		if err != nil || r != (Counts{Written: written}) || !bytes.Equal(content(), want) {
			t.Fatalf("%+v, %v; want %d bytes written", r, err, written)
		}
		if written == 0 {
			data[writeBlock] ^= 1
		}
	}
	before := content()
	_, err = writeLocal(t, t.Context(), device, random(sectors*512+1, 4))
	if classify.Find(err, classify.TargetUnsafe) == nil || !bytes.Equal(content(), before) {
		t.Errorf("too much: %v", err)
	}
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(interrupted)
	if _, err := writeLocal(t, ctx, device, random(512, 5)); !errors.Is(err, interrupted) {
		t.Errorf("interrupted: %v", err)
	}
}

// TestLocalMismatch: what never reads back as the image is never verified.
func TestLocalMismatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "medium")
	data := random(2*writeBlock, 6)
	target, err := BlockTarget{Path: path}.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	im := &fickle{picture: newImage(t, data)}
	r, err := throughout(t.Context(), target, im)
	if classify.Find(err, classify.VerifyMismatch) == nil || r.Rewritten == 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestBeginIsRight: what is wiped first and written last is not taken for a medium's fault.
func TestBeginIsRight(t *testing.T) {
	const size = 48 * mib // so much that the first range is none of those that are looked at
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
	for looked := 0; looked < len(im.Ranges()); runtime.Gosched() {
		early.mu.Lock()
		looked = len(early.results)
		early.mu.Unlock()
	}
	if r, err := throughout(t.Context(), target, im); err != nil || r.Rewritten != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// fickle is another image each time it is read.
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

// TestLocalImageChanges: a medium that holds what became of the image is not verified.
func TestLocalImageChanges(t *testing.T) {
	for _, size := range []int{3 * writeBlock, 5 * mib} {
		data := random(size, 7)
		path := filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		im, err := image.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer im.Close()
		data[size/2] ^= 1
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, before := range [][]byte{nil, data, random(size, 7)} {
			medium := filepath.Join(t.TempDir(), "medium")
			if err := os.WriteFile(medium, before, 0o600); err != nil {
				t.Fatal(err)
			}
			target, err := BlockTarget{Path: medium}.Open("")
			if err != nil {
				t.Fatal(err)
			}
			defer target.Close()
			if r, err := throughout(t.Context(), target, &picture{im, nil}); classify.Find(err, classify.ImageChanged) == nil {
				t.Errorf("%d bytes, %d on the medium: %+v, %v", size, len(before), r, err)
			}
		}
	}
}

func TestLocalRefusals(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "image")
	if err := os.WriteFile(source, []byte("image"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		kind classify.Kind
		text string
	}{
		dir:                 {classify.TargetUnsafe, "is neither a block device nor a file"},
		"/dev/null":         {classify.TargetUnsafe, "is neither a block device nor a file"},
		"/dev/no-such-disk": {classify.TargetMissing, "there is no /dev/no-such-disk"},
		source:              {classify.TargetUnsafe, "is the image itself"},
		filepath.Join(dir, "no-such-folder", "x"): {classify.TargetUnsafe, "cannot write"},
	} {
		if _, err := (BlockTarget{Path: path}).Open(source); classify.Facts(err).Kind != want.kind || !strings.Contains(err.Error(), want.text) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if text, err := os.ReadFile(source); string(text) != "image" {
		t.Errorf("the image was changed: %q, %v", text, err)
	}
}
