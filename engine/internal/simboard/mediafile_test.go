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

// TestMediaAreRegularFiles holds that a board accepts nothing but a regular file as its medium, and that what it
// refuses is unchanged.
func TestMediaAreRegularFiles(t *testing.T) {
	const text = "of the user"
	file := func(path string) error { return os.WriteFile(path, []byte(text), 0o600) }
	for _, tt := range []struct {
		name string
		make func(dir, path string) error
		says string // "" for no error
	}{
		{"nothing", func(_, _ string) error { return nil }, ""},
		{"a file", func(_, path string) error { return file(path) }, ""},
		{"a link", func(dir, path string) error {
			return errors.Join(file(filepath.Join(dir, "target")), os.Symlink("target", path))
		}, "is a symbolic link"},
		{"a link to nothing", func(_, path string) error { return os.Symlink("target", path) }, "is a symbolic link"},
		{"a FIFO", func(_, path string) error { return syscall.Mkfifo(path, 0o600) }, "is not a regular file"},
		{"a folder", func(_, path string) error { return os.Mkdir(path, 0o700) }, "is a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "vda.img")
			if err := tt.make(dir, path); err != nil {
				t.Fatal(err)
			}
			for range 2 { // it opens again what it made
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
			if st, err := os.Lstat(filepath.Join(dir, "target")); err == nil && st.Size() != int64(len(text)) {
				t.Errorf("the file behind the link has %d bytes; want %d", st.Size(), len(text))
			}
		})
	}
}

// TestMediaMustBePermitted holds that Permit is called for a medium before it is written.
func TestMediaMustBePermitted(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "vda.img")
	if err := os.WriteFile(path, []byte("of the user"), 0o600); err != nil {
		t.Fatal(err)
	}
	refuse := errors.New("not here")
	if _, err := New(Config{Dir: dir, Size: 1 << 20, Permit: func(*os.File) error { return refuse }}); !errors.Is(err, refuse) {
		t.Errorf("New = %v; want %v", err, refuse)
	}
	if got, err := os.ReadFile(path); string(got) != "of the user" {
		t.Errorf("the file has %q, %v; want what it had", got, err)
	}
}
