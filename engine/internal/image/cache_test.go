package image

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(turnChild); dir != "" {
		openInTurn(dir, os.Args[1])
	}
	if dir := os.Getenv(stagingChild); dir != "" {
		stageForever(dir, os.Args[1])
	}
	os.Exit(m.Run())
}

// gzipped returns a file with compressed content.
func gzipped(t *testing.T, content []byte) string {
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	z.Write(content)
	z.Close()
	return write(t, "disk.img.gz", packed.String())
}

// content returns random bytes with zeros in the middle.
func content(seed byte, size int) []byte {
	p := make([]byte, size)
	mathrand.NewChaCha8([32]byte{seed}).Read(p)
	clear(p[size/3 : size/3*2])
	return p
}

// staged opens an image, checks its content, and returns the notes.
func staged(t *testing.T, c *Cache, path string, want []byte) (im *Image, notes string) {
	t.Helper()
	im, err := Stager{Cache: c, Observer: Observer{Note: func(text string) { notes += text + "\n" }}}.Open(t.Context(), Ref(path))
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	got := make([]byte, im.Size())
	if _, err := im.ReadAt(got, 0); err != nil && err != io.EOF || !bytes.Equal(got, want) || im.SHA256() != fmt.Sprintf("%x", sha256.Sum256(want)) {
		t.Errorf("ReadAt = %d bytes, %v; want the image", len(got), err)
	}
	return im, notes
}

const reused = "unpacked by an earlier run\n"

// inCache returns the names in a cache's folder: keys of images, and other files. It leaves out the locks.
func inCache(t *testing.T, c *Cache) (images, others []string) {
	t.Helper()
	files, err := os.ReadDir(c.images())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, f := range files {
		if key, is := strings.CutSuffix(f.Name(), imageSuffix); is {
			images = append(images, key)
		} else if !strings.HasSuffix(f.Name(), lockSuffix) {
			others = append(others, f.Name())
		}
	}
	return images, others
}

func TestCacheIsUsedAgain(t *testing.T) {
	c := &Cache{Dir: filepath.Join(t.TempDir(), "new", "folder"), Limit: 1 << 30}
	want := content(1, 3<<20+5)
	path := gzipped(t, want)
	first, notes := staged(t, c, path, want)
	if notes != "" {
		t.Errorf("notes of the first run = %q; want none", notes)
	}
	again, notes := staged(t, c, path, want)
	if notes != reused || !slices.Equal(first.Ranges(), again.Ranges()) || again.Path() != path {
		t.Errorf("notes of the second run = %q, ranges %v, then %v; want the cached image, the same ranges", notes, first.Ranges(), again.Ranges())
	}
	if _, notes := staged(t, c, gzipped(t, want[1:]), want[1:]); notes != "" {
		t.Errorf("notes of another image = %q; want none", notes)
	}
	if _, notes := staged(t, nil, path, want); notes != "" {
		t.Errorf("notes without a cache = %q; want none", notes)
	}
}

// TestCacheKeepsWhatDoesNotMatter keeps the unmapped parts of a sparse image.
func TestCacheKeepsWhatDoesNotMatter(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Limit: 1 << 30}
	file, raw := sparseFile(MaxRange, chunkRaw, chunkSkip, chunkFill)
	path := write(t, "x.simg", string(file))
	first, _ := staged(t, c, path, raw)
	again, notes := staged(t, c, path, raw)
	if notes != reused || !slices.Equal(first.Ranges(), again.Ranges()) || len(again.Ranges()) != 4 {
		t.Errorf("notes %q, ranges %v, then %v; want the cached image, the same ranges", notes, first.Ranges(), again.Ranges())
	}
}

// TestPoisonedCache detects a changed entry, and decodes the image again.
func TestPoisonedCache(t *testing.T) {
	want, other := content(2, 3<<20+5), content(3, 3<<20+5)
	flip := func(path string, at int64) error {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		b := []byte{0}
		if _, err := f.ReadAt(b, at); err != nil {
			return err
		}
		_, err = f.WriteAt([]byte{b[0] ^ 1}, at)
		return err
	}
	for name, poison := range map[string]func(at, of string) error{
		"a bit of its data":      func(at, of string) error { return flip(at+imageSuffix, 77) },
		"a bit of its last byte": func(at, of string) error { return flip(at+imageSuffix, 3<<20+4) },
		"a bit of its zeros":     func(at, of string) error { return flip(at+imageSuffix, 3<<19) },
		"a bit of its record":    func(at, of string) error { return flip(at+entrySuffix, 20) },
		"an end that is gone":    func(at, of string) error { return os.Truncate(at+imageSuffix, 3<<20) },
		"more at its end":        func(at, of string) error { return os.Truncate(at+imageSuffix, 4<<20) },
		"nothing":                func(at, of string) error { return os.Truncate(at+imageSuffix, 0) },
		"no record":              func(at, of string) error { return os.Truncate(at+entrySuffix, 0) },
		"the record of another":  func(at, of string) error { return os.Rename(of+entrySuffix, at+entrySuffix) },
		"the image of another":   func(at, of string) error { return os.Rename(of+imageSuffix, at+imageSuffix) },
		"no image":               func(at, of string) error { return os.Remove(at + imageSuffix) },
		"both of another": func(at, of string) error {
			return errors.Join(os.Rename(of+entrySuffix, at+entrySuffix), os.Rename(of+imageSuffix, at+imageSuffix))
		},
		"a record that says too much": func(at, of string) error {
			return os.WriteFile(at+entrySuffix, []byte(`{"size":9223372036854775807}`), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := &Cache{Dir: t.TempDir(), Limit: 1 << 30}
			path, otherPath := gzipped(t, want), gzipped(t, other)
			staged(t, c, path, want)
			staged(t, c, otherPath, other)
			if err := poison(filepath.Join(c.images(), keyOf(t, path)), filepath.Join(c.images(), keyOf(t, otherPath))); err != nil {
				t.Fatal(err)
			}
			if _, notes := staged(t, c, path, want); !strings.HasSuffix(notes, " is damaged: unpacking it again\n") {
				t.Errorf("notes = %q; want that the entry is damaged", notes)
			}
			if _, notes := staged(t, c, path, want); notes != reused {
				t.Errorf("notes of the next run = %q; want the cached image", notes)
			}
			staged(t, c, otherPath, other)
		})
	}
}

func keyOf(t *testing.T, path string) string {
	packed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(packed))
}

// TestCacheLimit removes the least recently used entries first, and never exceeds the limit.
func TestCacheLimit(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Limit: 10 << 20}
	var paths []string
	var wants [][]byte
	for i := range 4 { // of 4 MiB on the disk
		wants = append(wants, content(byte(10+i), 6<<20))
		paths = append(paths, gzipped(t, wants[i]))
	}
	age := func(i int, hours time.Duration) {
		at := time.Now().Add(-hours * time.Hour)
		if err := os.Chtimes(filepath.Join(c.images(), keyOf(t, paths[i])+entrySuffix), at, at); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(what string, keys ...int) {
		t.Helper()
		var want []string
		for _, i := range keys {
			want = append(want, keyOf(t, paths[i]))
		}
		slices.Sort(want)
		if images, others := inCache(t, c); !slices.Equal(images, want) || len(others) != len(want) {
			t.Errorf("%s: there are %v and %v, not %v", what, images, others, want)
		}
		if _, out := onDisk(t, c); out > c.Limit {
			t.Errorf("%s: the cache takes %d bytes; want at most its limit", what, out)
		}
	}
	staged(t, c, paths[0], wants[0])
	age(0, 3)
	staged(t, c, paths[1], wants[1])
	age(1, 2)
	expect("two", 0, 1)
	staged(t, c, paths[0], wants[0]) // is used, and so the younger one
	staged(t, c, paths[2], wants[2])
	expect("a third", 0, 2)
	c.Limit = 1 << 20
	staged(t, c, paths[3], wants[3])
	expect("one that is too large")
	c.Limit = 0
	staged(t, c, paths[3], wants[3])
	expect("no room at all")
}

// onDisk returns the number of entries and the bytes that they take.
func onDisk(t *testing.T, c *Cache) (n int, size int64) {
	images, _ := inCache(t, c)
	for _, key := range images {
		st, err := os.Stat(filepath.Join(c.images(), key+imageSuffix))
		if err != nil {
			t.Fatal(err)
		}
		size += st.Sys().(*syscall.Stat_t).Blocks * 512
	}
	return len(images), size
}

// TestCacheClearsUp removes files that killed processes left, but not recent ones.
func TestCacheClearsUp(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Limit: 1 << 30}
	want := content(4, 1<<20)
	path := gzipped(t, want)
	key := keyOf(t, path)
	fresh := key + "-" + rand.Text() + partialSuffix
	if err := c.create(); err != nil {
		t.Fatal(err)
	}
	for name, age := range map[string]time.Duration{key + imageSuffix: 0, key + "-" + rand.Text() + partialSuffix: 2 * partialAge, fresh: 0} {
		path := filepath.Join(c.images(), name)
		at := time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(path, []byte("half"), 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	if _, notes := staged(t, c, path, want); notes != "" {
		t.Errorf("notes = %q; want none", notes)
	}
	if images, others := inCache(t, c); !slices.Equal(images, []string{key}) || !slices.Equal(others, []string{fresh, key + entrySuffix}) {
		t.Errorf("files = %v, %v; want those of the last run", images, others)
	}
	if _, notes := staged(t, c, path, want); notes != reused {
		t.Errorf("notes of the next run = %q; want the cached image", notes)
	}
}

// stagingChild makes the test's program stage an image and hang in the middle.
const stagingChild = "FLASHLUA_TEST_STAGING_CHILD"

func stageForever(dir, path string) {
	Stager{Cache: &Cache{Dir: dir, Limit: 1 << 30}, Observer: Observer{Slow: func() {
		fmt.Println("half")
		select {}
	}}}.Open(context.Background(), Ref(path))
	os.Exit(1)
}

// TestKilledWhileStaging kills a process while it stages: it leaves no files, and the next one is not affected.
func TestKilledWhileStaging(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Limit: 1 << 30}
	want := make([]byte, slowAfter+8<<20) // more than the file itself counts for
	mathrand.NewChaCha8([32]byte{6}).Read(want[:2<<20])
	path := gzipped(t, want)
	child := exec.CommandContext(t.Context(), os.Args[0], path)
	child.Env = append(os.Environ(), stagingChild+"="+c.Dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	child.Process.Kill()
	child.Wait()
	if line != "half\n" {
		t.Fatalf("the child printed %q, %v; want half", line, err)
	}
	if images, others := inCache(t, c); len(images)+len(others) > 0 {
		t.Errorf("files after the kill = %v, %v; want none", images, others)
	}
	for _, said := range []string{"", reused} {
		if _, notes := staged(t, c, path, want); notes != said {
			t.Errorf("notes of the next run = %q; want %q", notes, said)
		}
	}
}

// small mounts a disk of 8 MiB for a cache.
func small(t *testing.T) *Cache {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("LEFT OUT: a small disk cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return &Cache{Dir: dir, Limit: 1 << 30}
}

// noneTells stands for a file system that does not report its free bytes.
func noneTells(*os.File) (free, all int64, ok bool) { return 0, 0, false }

// TestFullCache removes earlier entries when the disk is full, and fails only if that does not suffice.
func TestFullCache(t *testing.T) {
	fits, large := content(7, 9<<20), content(8, 15<<20) // of 6 and 10 MiB on the disk
	plain := content(9, 6<<20)[:6<<20]
	for name, tt := range map[string]struct {
		from  string
		stdin []byte
		want  []byte
		done  string
	}{
		"a packed file":            {gzipped(t, fits), nil, fits, ""},
		"the standard input":       {Stdin, plain, plain, ""},
		"a large file":             {gzipped(t, large), nil, nil, "unpacked"},
		"a large standard input":   {Stdin, slices.Concat(plain, plain), nil, "kept"},
		"a packed one that breaks": {Stdin, []byte("\x1f\x8b\x08"), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := small(t)
			old := content(10, 6<<20)
			im, err := Stager{Cache: c, space: noneTells}.Open(t.Context(), Ref(gzipped(t, old)))
			if err != nil {
				t.Fatal(err)
			}
			im.Close()
			im, err = Stager{Cache: c, Stdin: bytes.NewReader(tt.stdin), space: noneTells}.Open(t.Context(), Ref(tt.from))
			f := classify.Facts(err)
			switch {
			case tt.done != "":
				if f.Kind != classify.ConfigPlan || f.Class != classify.Fatal || !strings.Contains(f.Hint, CacheVariable) || !strings.Contains(err.Error(), "cannot be "+tt.done+" to "+c.Dir) || !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("Open = %v of kind %s, hint %q; want that the disk is full", err, f.Kind, f.Hint)
				}
			case tt.want == nil:
				if f.Kind != classify.ImageDecode {
					t.Errorf("Open = %v of kind %s; want image.decode", err, f.Kind)
				}
			case err != nil:
				t.Errorf("Open = %v, hint %q; want no error", err, f.Hint)
			default:
				if im.SHA256() != fmt.Sprintf("%x", sha256.Sum256(tt.want)) {
					t.Errorf("Open = an image of %d bytes; want the content", im.Size())
				}
				im.Close()
			}
		})
	}
}

func TestCacheFromEnv(t *testing.T) {
	home, err := os.UserCacheDir()
	if err != nil {
		t.Setenv("XDG_CACHE_HOME", "/home")
		home = "/home"
	}
	for _, tt := range []struct {
		dir, size string
		want      *Cache
	}{
		{"", "", &Cache{filepath.Join(home, "flashlua"), defaultLimit}},
		{"/x", "", &Cache{"/x", defaultLimit}},
		{"none", "", nil},
		{"/x/", "", &Cache{"/x", defaultLimit}},
		{"./x", "", &Cache{"x", defaultLimit}},
		{"/x", "0", &Cache{"/x", 0}},
		{"/x", "7", &Cache{"/x", 7}},
		{"/x", "7K", &Cache{"/x", 7 << 10}},
		{"/x", "1M", &Cache{"/x", 1 << 20}},
		{"/x", "20G", &Cache{"/x", 20 << 30}},
		{"/x", "3T", &Cache{"/x", 3 << 40}},
	} {
		c, err := CacheFromEnv(func(name string) string {
			return map[string]string{CacheVariable: tt.dir, LimitVariable: tt.size}[name]
		})
		if err != nil || (c == nil) != (tt.want == nil) || c != nil && *c != *tt.want {
			t.Errorf("%q, %q: %v, %v; want %v", tt.dir, tt.size, c, err, tt.want)
		}
	}
	for _, size := range []string{"G", "-1", "-1G", "1.5G", "20 G", " 20G", "20GB", "20g", "x", "9223372036854775808", "9999999999T", "0x10"} {
		for _, dir := range []string{"", "/x", "none"} {
			c, err := CacheFromEnv(func(name string) string {
				return map[string]string{CacheVariable: dir, LimitVariable: size}[name]
			})
			if f := classify.Facts(err); c != nil || f.Kind != classify.Usage || f.Hint == "" || !strings.Contains(err.Error(), LimitVariable+"="+size) {
				t.Errorf("CacheFromEnv with size %q = %v, %v, hint %q; want an error with a hint", size, c, err, f.Hint)
			}
		}
	}
}
