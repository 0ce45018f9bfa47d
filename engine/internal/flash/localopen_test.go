package flash

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// TestLocalWritesWhatWasOpened holds that a file is written by the descriptor that OpenFile returned, also where the cache
// is passed by: what the path leads to by then may be another file.
func TestLocalWritesWhatWasOpened(t *testing.T) {
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
	if _, err := throughout(t.Context(), target, newImage(t, data)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{path: other, opened: data} {
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what it should be: %d bytes, %v", name, len(got), err)
		}
	}
	refuse := classify.New(classify.ScriptGrant, "not this one")
	_, err = BlockTarget{Path: path, OpenFile: func(string) (*os.File, error) { return nil, refuse }}.Open("")
	if !errors.Is(err, refuse) {
		t.Errorf("Open = %v; want %v", err, refuse)
	}
}
