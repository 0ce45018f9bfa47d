package simboard

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

// TestMediaAreTheBoards holds that a board writes a file only if a board made it or a person listed it, and that what it
// refuses is as it was.
func TestMediaAreTheBoards(t *testing.T) {
	const text = "of the user"
	file := func(path string) error { return os.WriteFile(path, []byte(text), 0o600) }
	for _, tt := range []struct {
		name string
		make func(dir, path string) error
		list string // content of the list; "" for none
		says string // "" for no error
	}{
		{"nothing", func(_, _ string) error { return nil }, "", ""},
		{"a file", func(_, path string) error { return file(path) }, "", "no simulated board made it"},
		{"a file beside one that is listed", func(_, path string) error { return file(path) }, "mmcblk0.img\nvda.img.bak\n", "no simulated board made it"},
		{"a file that is listed", func(_, path string) error { return file(path) }, "mmcblk0.img\nvda.img", ""},
		{"nothing beside a list without an end", func(_, _ string) error { return nil }, "mmcblk0.img", ""},
		{"a link", func(dir, path string) error {
			return errors.Join(file(filepath.Join(dir, "target")), os.Symlink("target", path))
		}, "vda.img\n", "is a symbolic link"},
		{"a link to nothing", func(_, path string) error { return os.Symlink("target", path) }, "vda.img\n", "is a symbolic link"},
		{"a FIFO", func(_, path string) error { return syscall.Mkfifo(path, 0o600) }, "vda.img\n", "is not a regular file"},
		{"a folder", func(_, path string) error { return os.Mkdir(path, 0o700) }, "vda.img\n", "is a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "vda.img")
			if err := tt.make(dir, path); err != nil {
				t.Fatal(err)
			}
			if tt.list != "" {
				if err := os.WriteFile(filepath.Join(dir, mediaList), []byte(tt.list), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 { // what it made it opens again
				b, err := New(Config{Dir: dir, Size: 1 << 20})
				if err == nil {
					b.Close()
				}
				says := strings.Join(classify.Messages(err), "\n")
				if (err == nil) != (tt.says == "") || !strings.Contains(says, tt.says) || err != nil && classify.Facts(err).Kind != classify.Config {
					t.Errorf("New = %q; want %q, kind config", says, tt.says)
				}
			}
			if st, err := os.Stat(path); tt.says == "" && (err != nil || st.Size() != 1<<20) {
				t.Errorf("the medium: %v, %v; want 1 MiB", st, err)
			}
			for _, name := range []string{"vda.img", "target"} {
				if st, err := os.Lstat(filepath.Join(dir, name)); tt.says != "" && err == nil && st.Mode().IsRegular() && st.Size() != int64(len(text)) {
					t.Errorf("%s has %d bytes; want %d", name, st.Size(), len(text))
				}
			}
			list, _ := os.ReadFile(filepath.Join(dir, mediaList))
			if first, _, _ := strings.Cut(tt.list, "\n"); !strings.HasPrefix(string(list), first) || tt.says == "" && !strings.Contains("\n"+string(list)+"\n", "\nvda.img\n") {
				t.Errorf("the list is %q; it was %q", list, tt.list)
			}
		})
	}
}

// TestMediaMustBePermitted holds that Permit is asked of each file before it is written, the list too.
func TestMediaMustBePermitted(t *testing.T) {
	dir := t.TempDir()
	refuse := errors.New("not here")
	if _, err := New(Config{Dir: dir, Size: 1 << 20, Permit: func(*os.File) error { return refuse }}); !errors.Is(err, refuse) {
		t.Errorf("New = %v; want %v", err, refuse)
	}
	if st, err := os.Stat(filepath.Join(dir, mediaList)); err == nil && st.Size() > 0 {
		t.Errorf("the list has %d bytes; want none", st.Size())
	}
	if _, err := os.Stat(filepath.Join(dir, "vda.img")); err == nil {
		t.Error("the medium was made")
	}
}
