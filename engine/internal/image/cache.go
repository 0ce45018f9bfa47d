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

// Cache keeps unpacked images in a folder of its own in Dir, by the digests of the packed files. Processes may share it,
// and may be killed at any time: an entry appears whole, and is looked at from its first byte to its last before it is
// used again.
type Cache struct {
	Dir   string
	Limit int64 // bytes on the disk, of all entries together
}

// entry is what is known of an unpacked image. Its file has the same name.
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
	maxRecord     = 64 << 20            // bytes of a record; a million parts that do not matter
	originAge     = 90 * 24 * time.Hour // after which nobody will ask for it again
)

// The environment of a cache: its folder, "none" for no cache, and its limit, as 20G.
const (
	CacheVariable = "FLASHLUA_CACHE"
	LimitVariable = "FLASHLUA_CACHE_SIZE"
	defaultLimit  = 20 << 30
)

// CacheFromEnv gives the cache that an environment names, nil for none.
func CacheFromEnv(getenv func(string) string) (*Cache, error) {
	c := &Cache{Dir: getenv(CacheVariable), Limit: defaultLimit}
	if text := getenv(LimitVariable); text != "" {
		var ok bool
		if c.Limit, ok = ParseSize(text); !ok {
			return nil, classify.WithHint(classify.New(classify.Usage, "%s=%s is no size", LimitVariable, text), "write bytes, or a number with K, M, G or T behind it: 20G")
		}
	}
	switch c.Dir {
	case "none":
		return nil, nil
	case "":
		dir, err := os.UserCacheDir()
		if err != nil { // an account without a home
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

// tempFile makes a file without a name: it goes when it is closed, however the process ends.
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

// errDiskFull is the error of a file of scratch that cannot grow.
func (c *Cache) errDiskFull(f *os.File, full error, ref Ref, done string) error {
	dir, variable := c.where(f)
	return classify.WithHint(classify.Wrap(full, classify.ConfigPlan, "the image %s cannot be %s to %s", ref, done, dir),
		"set %s to a folder with room for the %s image", variable, done)
}

// store makes an entry of a file of scratch.
func (c *Cache) store(f *os.File, key string, im *Image, skips []skip, now time.Time) error {
	if c == nil || filepath.Dir(f.Name()) != c.images() {
		return nil
	}
	raw, err := json.Marshal(entry{Packed: key, Size: im.size, SHA256: im.sum, Skips: skips}.withSeal())
	if err != nil {
		return err
	}
	at := filepath.Join(c.images(), key)
	half := at + "-" + rand.Text() + partialSuffix // others may make the same entry
	defer os.Remove(half)
	if err := unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.AT_FDCWD, half, unix.AT_SYMLINK_FOLLOW); err != nil {
		return &os.LinkError{Op: "link", Old: f.Name(), New: half, Err: err}
	}
	if err := os.Rename(half, at+imageSuffix); err != nil {
		return err
	}
	if err := c.writeAtomic(at+entrySuffix, raw); err != nil {
		return err
	}
	c.evict(c.Limit, now)
	return nil
}

// origin is where an entry came from: the entity tag that the server gave, and the entry's key.
type origin struct {
	ETag string `json:"etag"`
	Key  string `json:"key"`
}

func (c *Cache) originFile(address string) string {
	return filepath.Join(c.images(), fmt.Sprintf("%x%s", sha256.Sum256([]byte(address)), originSuffix))
}

// lookupOrigin gives what an earlier run knew of an address, nothing if no run did.
func (c *Cache) lookupOrigin(address string) (o origin) {
	if c == nil || c.owned() != nil {
		return o
	}
	raw, err := input.Read(c.originFile(address), maxRecord)
	if err != nil || json.Unmarshal(raw, &o) != nil || !hexSum.MatchString(o.Key) {
		return origin{}
	}
	return o
}

// saveOrigin notes what is known of an address. Without an entity tag that is nothing.
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

// writeAtomic makes a file appear whole.
func (c *Cache) writeAtomic(path string, raw []byte) error {
	half := path + "-" + rand.Text() + partialSuffix
	if err := os.WriteFile(half, raw, 0o600); err != nil {
		return err
	}
	return os.Rename(half, path)
}

// removeEntry removes an entry. Whoever reads it goes on reading.
func (c *Cache) removeEntry(key string) {
	c.remove(key + entrySuffix)
	c.remove(key + imageSuffix)
}

// evict removes the entries that were not used for the longest time, and what killed processes left, until no more than
// limit is taken. It reports whether it removed any.
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

// lookup opens an entry, nil if there is none. One that is not what it was is removed.
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
	now := s.Clock.Now()
	os.Chtimes(at+entrySuffix, now, now) // it was used
	s.Observer.Note("unpacked by an earlier run")
	return im, nil
}

// entry opens an entry and reads it all.
func (s *opener) entry(ctx context.Context, key, at string, raw []byte) (*Image, error) {
	var e entry
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, err
	}
	if e.withSeal().Seal != e.Seal || e.Packed != key {
		return nil, errors.New("its record was changed, or is of another")
	}
	f, err := os.OpenFile(at+imageSuffix, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0) // nobody waits for the other end of a pipe
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
	if err != nil {
		f.Close()
		return nil, err
	}
	return im, nil
}
