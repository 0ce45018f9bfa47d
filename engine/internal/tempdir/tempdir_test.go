package tempdir

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMake: making a directory removes those of killed processes, and nothing else.
func TestMake(t *testing.T) {
	parent := t.TempDir()
	first, removeFirst, err := Make(parent, "flashlua")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(first)
	mine := name[:strings.LastIndex(name, "-")+1]
	left := mine + "1234567890"
	keep := []string{name, "flashlua-00000000-1234567890", "flashlua", mine + "1", mine + "2", mine + "backup", mine}
	for _, dir := range append([]string{left, filepath.Join(left, "sub"), keep[5], keep[6]}, keep[1:3]...) {
		if err := os.Mkdir(filepath.Join(parent, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere := t.TempDir()
	for _, file := range []string{filepath.Join(parent, left, "sub", "f"), filepath.Join(parent, keep[3]), filepath.Join(elsewhere, "f")} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(elsewhere, filepath.Join(parent, keep[4])); err != nil {
		t.Fatal(err)
	}
	names := func(dir string) (all []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			all = append(all, e.Name())
		}
		return all
	}
	second, removeSecond, err := Make(parent, "flashlua")
	if err != nil {
		t.Fatal(err)
	}
	keep = append(keep, filepath.Base(second))
	slices.Sort(keep)
	if got := names(parent); !slices.Equal(got, keep) {
		t.Errorf("there are %q, not %q", got, keep)
	}
	for _, remove := range []func() error{removeFirst, removeSecond} {
		if err := remove(); err != nil {
			t.Error(err)
		}
	}
	if got := names(parent); len(got) != 6 || len(names(elsewhere)) != 1 {
		t.Errorf("in the end there are %q", got)
	}
	if _, _, err := Make(filepath.Join(parent, "no", "such"), "flashlua"); err == nil {
		t.Error("it made a folder nowhere")
	}
}
