package image

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestPermit holds that the file of an image and its block map are permitted before they are read, and nothing
// else.
func TestPermit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "disk.img.gz")
	for name, text := range map[string]string{path: "an image\x00", filepath.Join(dir, "disk.bmap"): "no map"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refuse := errors.New("not this one")
	for _, tt := range []struct {
		image   string
		refused string
		asked   []string
	}{
		{gzipped(t, content(1, 1<<20)), "disk.img.gz", []string{"disk.img.gz"}},
		{path, "disk.img.gz", []string{"disk.img.gz"}},
		{filepath.Join(dir, "disk.raw"), "disk.bmap", []string{"disk.raw", "disk.bmap"}},
	} {
		if filepath.Base(tt.image) == "disk.raw" {
			if err := os.WriteFile(tt.image, []byte("an image\x00"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var asked []string
		_, err := Stager{Permit: func(f *os.File) error {
			asked = append(asked, filepath.Base(f.Name()))
			if asked[len(asked)-1] == tt.refused {
				return refuse
			}
			return nil
		}}.Open(t.Context(), Ref(tt.image))
		if !errors.Is(err, refuse) || !slices.Equal(asked, tt.asked) {
			t.Errorf("Open(%s) = %v, asked of %q; want %v, %q", tt.image, err, asked, refuse, tt.asked)
		}
	}
}

// TestBlockMaps holds where the block map of an image may be.
func TestBlockMaps(t *testing.T) {
	for path, want := range map[string][]string{
		"a/disk.img.xz": {"a/disk.img.xz.bmap", "a/disk.img.bmap", "a/disk.bmap"},
		"disk":          {"disk.bmap"},
		"a.b/.hidden":   {"a.b/.hidden.bmap"},
	} {
		if got := BlockMaps(path); !slices.Equal(got, want) {
			t.Errorf("BlockMaps(%q) = %q; want %q", path, got, want)
		}
	}
}
