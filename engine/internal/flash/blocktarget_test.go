package flash

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// TestTargetsRefused holds which paths are refused as targets.
func TestTargetsRefused(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "image")
	if err := os.WriteFile(source, []byte("imag\x00"), 0o600); err != nil {
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
			t.Errorf("Open(%s) = %v; want %s, %q", path, err, want.kind, want.text)
		}
	}
	if text, err := os.ReadFile(source); string(text) != "imag\x00" {
		t.Errorf("the image = %q, %v; want it unchanged", text, err)
	}
}

// TestLoopsAreRefused holds that a file is not written while it backs a loop device, and that a read-only device
// is refused.
func TestLoopsAreRefused(t *testing.T) {
	path := full(t, mib)
	device := loop(t, path)
	if _, err := (BlockTarget{Path: path}).Open(""); classify.Facts(err).Kind != classify.TargetUnsafe || !strings.Contains(err.Error(), device) {
		t.Errorf("Open of the file of %s = %v; want %s", device, err, classify.TargetUnsafe)
	}
	forced, err := BlockTarget{Path: path, Force: true}.Open("")
	if err != nil {
		t.Fatalf("Open with Force = %v; want no error", err)
	}
	forced.Close()
	if _, err := (BlockTarget{Path: loop(t, full(t, mib), "--read-only"), Force: true}).Open(""); classify.Facts(err).Kind != classify.TargetUnsafe || !strings.Contains(err.Error(), "is read-only") {
		t.Errorf("Open of a read-only device = %v; want %s", err, classify.TargetUnsafe)
	}
}

// TestWritesWhatWasOpened holds that a file is written through the descriptor that OpenFile returned, with direct
// access too: the path may lead to another file by then.
func TestWritesWhatWasOpened(t *testing.T) {
	dir, data, other := t.TempDir(), random(2*image.MaxRange+123, 1), random(3*image.MaxRange, 2)
	path, opened := filepath.Join(dir, "path"), filepath.Join(dir, "opened")
	if err := errors.Join(os.WriteFile(path, other, 0o600), os.WriteFile(opened, other, 0o600)); err != nil {
		t.Fatal(err)
	}
	target, err := BlockTarget{Path: path, OpenFile: func(string) (*os.File, error) { return os.OpenFile(opened, os.O_RDWR, 0) }}.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if _, err := flashTarget(t, target, newImage(t, data)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{path: other, opened: data} {
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s has %d bytes, %v; want its own %d", name, len(got), err, len(want))
		}
	}
	refuse := classify.New(classify.ScriptGrant, "not this one")
	_, err = BlockTarget{Path: path, OpenFile: func(string) (*os.File, error) { return nil, refuse }}.Open("")
	if !errors.Is(err, refuse) {
		t.Errorf("Open = %v; want %v", err, refuse)
	}
}
