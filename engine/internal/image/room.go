package image

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/bounded"
	"github.com/flashlua/flashlua/engine/clock"
)

// ParseSize reads a number of bytes, or a number with K, M, G or T after it.
func ParseSize(text string) (int64, bool) {
	if text == "" {
		return 0, false
	}
	unit := int64(1)
	if i := strings.IndexByte("KMGT", text[len(text)-1]); i >= 0 {
		unit, text = 1<<(10*(i+1)), text[:len(text)-1]
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, false
	}
	return bounded.Mul(n, unit)
}

// bounds limit how large an image may be: to what the operator allows, and to the room on the disk.
type bounds struct {
	maxSize int64 // bytes; 0 is no limit
	cache   *Cache
	clock   clock.Clock
	space   func(*os.File) (free, all int64, ok bool)
}

// allowed refuses an image of n bytes that is larger than the operator permits. all reports whether n is final;
// otherwise the image may grow.
func (b bounds) allowed(ref Ref, done string, n int64, all bool) error {
	if b.maxSize == 0 || n <= b.maxSize {
		return nil
	}
	return classify.WithHint(classify.New(classify.ImageTooLarge, "the image %s has %s%s, at most %d are allowed", ref, bytesOf(n, all), done, b.maxSize),
		"raise --max-size, or max_size in Lua, if it is the right image")
}

func bytesOf(n int64, all bool) string {
	if all {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d bytes or more", n)
}

// room is how much of its disk a staged image may take: half of what was free when staging began, so that an image
// that others chose cannot fill the disk.
type room struct {
	bounds
	f    *os.File // the growing file
	ref  Ref      // of the image
	done string   // for messages, as " when unpacked"
	half int64    // bytes; negative if the file system reports no sizes
	all  int64    // bytes of the whole disk
}

// room returns the room for an image that is staged in f. done is appended to sizes in messages, as " when
// unpacked".
func (b bounds) room(f *os.File, ref Ref, done string) *room {
	r := &room{bounds: b, f: f, ref: ref, done: done}
	r.measure()
	return r
}

// measure computes half of what is free, counting what the file itself takes as free.
func (r *room) measure() {
	free, all, ok := r.space(r.f)
	if r.half, r.all = -1, all; !ok {
		return
	}
	var st unix.Stat_t
	if unix.Fstat(int(r.f.Fd()), &st) == nil {
		free += st.Blocks * 512
	}
	r.half = free / 2
}

// diskSpace returns the free and the total bytes of the file system of a file.
func diskSpace(f *os.File) (free, all int64, ok bool) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil || st.Blocks == 0 {
		return 0, 0, false
	}
	free, okFree := bounded.Mul(int64(st.Bavail), int64(st.Bsize))
	all, okAll := bounded.Mul(int64(st.Blocks), int64(st.Bsize))
	return free, all, okFree && okAll
}

// check refuses an image of n bytes, or of more if not all.
func (r *room) check(n int64, all bool) error {
	if err := r.allowed(r.ref, r.done, n, all); err != nil || r.holds(n) {
		return err
	}
	return r.full(n, all)
}

// checkPacked refuses n bytes, or more, that may be compressed again: the image in them may be slightly smaller.
func (r *room) checkPacked(n int64, all bool) error {
	if minSize := n - n/16 - 1<<20; r.maxSize > 0 && minSize > r.maxSize {
		return r.allowed(r.ref, r.done, n, all)
	}
	if !r.holds(n) {
		return r.full(n, all)
	}
	return nil
}

// holds reports whether n bytes are within the half. If they are not, it removes cached images where that can
// help.
func (r *room) holds(n int64) bool {
	if r.half < 0 || n <= r.half {
		return true
	}
	if c := r.cache; c != nil && n <= r.all/2 && c.evict(0, r.clock.Now()) {
		r.measure()
	}
	return n <= r.half
}

func (r *room) full(n int64, all bool) error {
	dir, variable := r.cache.where(r.f)
	return classify.WithHint(classify.New(classify.ImageTooLarge, "the image %s has %s%s, half of the free room in %s is %d", r.ref, bytesOf(n, all), r.done, dir, r.half),
		"free room there, or set %s to a folder on a larger disk; an image that is raw in a file needs no room", variable)
}

// where returns the directory of a scratch file, and the environment variable that names it.
func (c *Cache) where(f *os.File) (dir, variable string) {
	if c != nil && filepath.Dir(f.Name()) == c.images() {
		return c.Dir, CacheVariable
	}
	return os.TempDir(), "TMPDIR"
}

// metered counts what is read, and returns an error once it is more than there is room for.
type metered struct {
	r     io.Reader
	check func(n int64, all bool) error // of a room
	n     int64
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += int64(n)
	if n > 0 {
		if over := m.check(m.n, false); over != nil {
			return n, over
		}
	}
	return n, err
}
