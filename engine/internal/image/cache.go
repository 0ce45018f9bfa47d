package image

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/input"
)

// Cache keeps decoded images in a directory of its own in Dir, by the digests of the compressed files. Several
// processes may share it and may be killed at any time: an entry is created atomically, and is read completely
// before it is used. It is safe for concurrent use.
type Cache struct {
	Dir   string
	Limit int64 // bytes on the disk, of all entries together
}

// entry describes a decoded image. Its file has the same name.
type entry struct {
	Packed string `json:"packed"` // digest of the packed file
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Skips  []skip `json:"skips,omitempty"`
	Seal   string `json:"seal"` // digest of the above
}

func (e entry) withSeal() entry {
	e.Seal = ""
	raw, _ := json.Marshal(e)
	sum := sha256.Sum256(raw)
	e.Seal = hex.EncodeToString(sum[:])
	return e
}

const (
	imageSuffix   = ".img"
	entrySuffix   = ".json"
	originSuffix  = ".from"
	partialSuffix = ".half" // of a file that is being written
	partialAge    = time.Hour
	maxRecord     = 64 << 20            // bytes of a record; a million unmapped parts
	originAge     = 90 * 24 * time.Hour // after which an origin is removed
)

// The environment of a cache: its directory, "none" for no cache, and its limit, as 20G.
const (
	CacheVariable = "FLASHLUA_CACHE"
	LimitVariable = "FLASHLUA_CACHE_SIZE"
	defaultLimit  = 20 << 30
)

// CacheFromEnv returns the cache that the environment names, nil for none.
func CacheFromEnv(getenv func(string) string) (*Cache, error) {
	c := &Cache{Dir: getenv(CacheVariable), Limit: defaultLimit}
	if text := getenv(LimitVariable); text != "" {
		var ok bool
		if c.Limit, ok = ParseSize(text); !ok {
			return nil, classify.WithHint(classify.New(classify.Usage, "%s=%s is no size", LimitVariable, text), "write bytes, or a number with K, M, G or T after it: 20G")
		}
	}
	switch c.Dir {
	case "none":
		return nil, nil
	case "":
		dir, err := os.UserCacheDir()
		if err != nil { // an account without a home directory
			return nil, nil
		}
		c.Dir = filepath.Join(dir, "flashlua")
	}
	c.Dir = filepath.Clean(c.Dir)
	if err := c.owned(); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, classify.WithHint(classify.Wrap(err, classify.Usage, "the folder of the cache cannot be used"),
			"move it away, or set %s to another folder, or to none", CacheVariable)
	}
	return c, nil
}

// tempFile creates a file without a name. It is gone when it is closed, however the process ends.
func (c *Cache) tempFile(what string) (*os.File, error) {
	if c != nil && c.create() == nil {
		if fd, err := openUnnamed(c.images()); err == nil {
			return os.NewFile(uintptr(fd), filepath.Join(c.images(), what)), nil
		}
	}
	f, err := os.CreateTemp("", "flashlua-image-*")
	if err != nil {
		return nil, classify.WithHint(classify.Wrap(err, classify.ConfigPlan, "there is no place to %s the image", what), "set TMPDIR to a folder that can be written")
	}
	os.Remove(f.Name())
	return f, nil
}

// errDiskFull returns the error of a scratch file that cannot grow.
func (c *Cache) errDiskFull(f *os.File, full error, ref Ref, done string) error {
	dir, variable := c.where(f)
	return classify.WithHint(classify.Wrap(full, classify.ConfigPlan, "the image %s cannot be %s to %s", ref, done, dir),
		"set %s to a folder with room for the %s image", variable, done)
}

// store makes a scratch file an entry.
func (c *Cache) store(f *os.File, key string, im *Image, skips []skip, now time.Time) error {
	if c == nil || filepath.Dir(f.Name()) != c.images() {
		return nil
	}
	raw, err := json.Marshal(entry{Packed: key, Size: im.size, SHA256: im.sum, Skips: skips}.withSeal())
	if err != nil {
		return err
	}
	at := filepath.Join(c.images(), key)
	partial := at + "-" + rand.Text() + partialSuffix // another process may create the same entry
	defer os.Remove(partial)
	if err := unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.AT_FDCWD, partial, unix.AT_SYMLINK_FOLLOW); err != nil {
		return &os.LinkError{Op: "link", Old: f.Name(), New: partial, Err: err}
	}
	if err := os.Rename(partial, at+imageSuffix); err != nil {
		return err
	}
	if err := c.writeAtomic(at+entrySuffix, raw); err != nil {
		return err
	}
	c.evict(c.Limit, now)
	return nil
}

// origin describes where an entry was downloaded: the server's entity tag, and the entry's key.
type origin struct {
	ETag string `json:"etag"`
	Key  string `json:"key"`
}

func (c *Cache) originFile(address string) string {
	return filepath.Join(c.images(), fmt.Sprintf("%x%s", sha256.Sum256([]byte(address)), originSuffix))
}

// lookupOrigin returns the origin that is stored for an address, the zero value if there is none.
func (c *Cache) lookupOrigin(address string) (o origin) {
	if c == nil || c.owned() != nil {
		return o
	}
	raw, err := input.Read(c.originFile(address), maxRecord)
	if err != nil || json.Unmarshal(raw, &o) != nil || !isSHA256(o.Key) {
		return origin{}
	}
	return o
}

// saveOrigin stores the origin of an address. Without an entity tag it does nothing.
func (c *Cache) saveOrigin(address string, o origin) error {
	if c == nil || o.ETag == "" || c.create() != nil {
		return nil
	}
	raw, err := json.Marshal(o)
	if err == nil {
		err = c.writeAtomic(c.originFile(address), raw)
	}
	return err
}

// writeAtomic creates a file that is complete from the start.
func (c *Cache) writeAtomic(path string, raw []byte) error {
	partial := path + "-" + rand.Text() + partialSuffix
	if err := os.WriteFile(partial, raw, 0o600); err != nil {
		return err
	}
	return os.Rename(partial, path)
}

// removeEntry removes an entry. Processes that have it open can still read it.
func (c *Cache) removeEntry(key string) {
	c.remove(key + entrySuffix)
	c.remove(key + imageSuffix)
}

// evict removes the least recently used entries until the others take at most limit bytes, and the files that
// killed processes left. It reports whether it removed an entry.
func (c *Cache) evict(limit int64, now time.Time) (removed bool) {
	type used struct {
		key  string
		at   time.Time
		size int64
	}
	var all []used
	var total int64
	for _, f := range c.files() {
		st, err := f.Info()
		if err != nil {
			continue
		}
		key, isImage := strings.CutSuffix(f.Name(), imageSuffix)
		if strings.HasSuffix(f.Name(), partialSuffix) && now.Sub(st.ModTime()) > partialAge {
			c.remove(f.Name())
		}
		if strings.HasSuffix(f.Name(), originSuffix) && now.Sub(st.ModTime()) > originAge {
			c.remove(f.Name())
		}
		if strings.HasSuffix(f.Name(), lockSuffix) && now.Sub(st.ModTime()) > lockAge {
			c.removeLock(f.Name())
		}
		if !isImage {
			continue
		}
		at := st.ModTime()
		if e, err := os.Lstat(filepath.Join(c.images(), key+entrySuffix)); err == nil {
			at = e.ModTime()
		}
		size := st.Sys().(*syscall.Stat_t).Blocks * 512
		all = append(all, used{key, at, size})
		total += size
	}
	slices.SortFunc(all, func(a, b used) int { return a.at.Compare(b.at) })
	for _, u := range all {
		if total <= limit {
			break
		}
		c.removeEntry(u.key)
		total, removed = total-u.size, true
	}
	return removed
}

// lookup opens an entry, nil if there is none. It removes a damaged one.
func (s *opener) lookup(ctx context.Context, key string) (*Image, error) {
	if s.Cache == nil || s.Cache.owned() != nil {
		return nil, nil
	}
	at := filepath.Join(s.Cache.images(), key)
	raw, err := input.Read(at+entrySuffix, maxRecord)
	if err != nil {
		return nil, nil
	}
	im, err := s.entry(ctx, key, at, raw)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		s.Cache.removeEntry(key)
		s.Observer.Note(fmt.Sprintf("what an earlier run unpacked to %s is damaged: unpacking it again", at+imageSuffix))
		return nil, nil
	}
	s.Cache.touch(key, s.Clock.Now())
	s.Observer.Note("unpacked by an earlier run")
	return im, nil
}

// entry opens an entry and checks all of it.
func (s *opener) entry(ctx context.Context, key, at string, raw []byte) (*Image, error) {
	var e entry
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, err
	}
	if e.withSeal().Seal != e.Seal || e.Packed != key {
		return nil, errors.New("its record was changed, or is of another")
	}
	f, err := s.Cache.openEntry(key)
	if err != nil {
		return nil, err
	}
	unreported := *s
	unreported.Observer.Range = func(*Image, Range) {} // the entry may be damaged
	im := &Image{ref: Ref(at + imageSuffix), f: f}
	st, err := f.Stat()
	if err == nil && st.Size() != e.Size {
		err = errors.New("it has another size")
	}
	if err == nil {
		err = unreported.scan(ctx, im, e.Size, func(off, n int64) bool { return !covered(e.Skips, off, n) })
	}
	if err == nil && im.sum != e.SHA256 {
		err = errors.New("it has another digest")
	}
	if p, _ := formatOf(f); err == nil && (p != nil || refuseNonImage(im.ref, f) != nil) {
		err = errors.New("it is no decoded image") // an older version did not unpack it
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return im, nil
}
