package image

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// contents returns the files below a folder with their content, links and folders too, by path.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.Walk(dir, func(path string, st os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		all[name] = st.Mode().Type().String()
		if st.Mode().IsRegular() {
			text, err := os.ReadFile(path)
			all[name] = string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestCacheLeavesTheRest holds that the cache removes and overwrites only files that it created, whatever their
// name and age and however low its limit.
func TestCacheLeavesTheRest(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	c := &Cache{Dir: dir, Limit: 0}
	if err := c.create(); err != nil {
		t.Fatal(err)
	}
	key := strings.Repeat("a", 64)
	outside := filepath.Join(elsewhere, "precious"+imageSuffix)
	own := []string{"disk.img", "disk.json", "notes.from", "build.half", key + ".img", key + ".json", key + ".from", key + "-ABC.half"}
	inFolder := []string{"disk.img", "disk.json", "build.half", key + ".img.orig", key[1:] + ".img"}
	for i := range inFolder {
		inFolder[i] = filepath.Join(imagesFolder, inFolder[i])
	}
	old := time.Now().Add(-2 * originAge)
	for _, name := range append(slices.Concat(own, inFolder), outside) {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, name)
		}
		if err := errors.Join(os.WriteFile(path, []byte("of the user: "+name), 0o600), os.Chtimes(path, old, old)); err != nil {
			t.Fatal(err)
		}
	}
	folder := strings.Repeat("b", 64) + imageSuffix
	if err := errors.Join(
		os.Symlink(outside, filepath.Join(c.images(), strings.Repeat("c", 64)+imageSuffix)),
		os.Symlink(outside, filepath.Join(c.images(), strings.Repeat("c", 64)+entrySuffix)),
		os.Mkdir(filepath.Join(c.images(), folder), 0o700),
	); err != nil {
		t.Fatal(err)
	}
	before, there := contents(t, dir), contents(t, elsewhere)
	made := filepath.Join(c.images(), strings.Repeat("d", 64)+imageSuffix)
	if err := os.WriteFile(made, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	want := content(7, 1<<20)
	staged(t, c, gzipped(t, want), want) // keeps an entry, which is too much
	if !c.evict(0, time.Now()) && exists(made) {
		t.Error("evict(0) = false; want its own entries removed")
	}
	for range 2 { // whether there is something of its own or not
		c.evict(0, time.Now())
		c.removeEntry(key)
		c.removeEntry(strings.Repeat("b", 64))
		c.removeEntry(strings.Repeat("c", 64))
	}
	if got := contents(t, dir); !maps.Equal(got, before) {
		t.Errorf("the folder has %q; want %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(before)))
	}
	if got := contents(t, elsewhere); !maps.Equal(got, there) {
		t.Errorf("outside are %q; want %q", got, there)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// TestCacheFolderOfAnother holds that CacheFromEnv refuses a folder of images that the cache does not own, and
// that a cache made without CacheFromEnv does not use it.
func TestCacheFolderOfAnother(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(path, outside string) error
		says string
	}{
		{"a link", func(path, outside string) error { return os.Symlink(outside, path) }, "is not a directory"},
		{"a link to nothing", func(path, outside string) error { return os.Symlink(outside+"/gone", path) }, "is not a directory"},
		{"a file", func(path, _ string) error { return os.WriteFile(path, []byte("notes"), 0o600) }, "is not a directory"},
		{"of another user", func(path, _ string) error { return errors.Join(os.Mkdir(path, 0o755), os.Chown(path, 12345, -1)) }, "belongs to another user, with the number 12345"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, outside := t.TempDir(), t.TempDir()
			images := filepath.Join(dir, imagesFolder)
			if err := tt.make(images, outside); errors.Is(err, os.ErrPermission) {
				t.Skip("LEFT OUT: only root makes a folder of another user")
			} else if err != nil {
				t.Fatal(err)
			}
			before := contents(t, dir)
			_, err := CacheFromEnv(func(name string) string { return map[string]string{CacheVariable: dir}[name] })
			if f := classify.Facts(err); f.Kind != classify.Usage || !strings.Contains(err.Error(), "cannot be used") ||
				!strings.Contains(strings.Join(classify.Messages(err), "\n"), images+" "+tt.says) || !strings.Contains(f.Hint, CacheVariable) {
				t.Errorf("CacheFromEnv = %v, kind %s, hint %q; want usage, %q", err, f.Kind, f.Hint, tt.says)
			}
			want := content(8, 1<<20)
			path := gzipped(t, want)
			c := &Cache{Dir: dir, Limit: 1 << 30}
			for range 2 {
				if _, notes := staged(t, c, path, want); notes != "" {
					t.Errorf("notes = %q; want none", notes)
				}
			}
			c.evict(0, time.Now())
			if got := contents(t, dir); !maps.Equal(got, before) || len(contents(t, outside)) != 1 {
				t.Errorf("there are %q and outside %q; want %q and nothing", got, contents(t, outside), before)
			}
		})
	}
}
