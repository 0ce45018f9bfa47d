package image

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// handover is the content of a lock file: what a run leaves to those that wait for it. While the run works, only
// Process is set.
type handover struct {
	Process int       `json:"process"`
	At      time.Time `json:"at"`              // when the run was done
	Alone   bool      `json:"alone,omitempty"` // there is nothing to share, and no reason to wait for it again

	Entry  string      `json:"entry,omitempty"`  // key of the cached image
	Source string      `json:"source,omitempty"` // digest of the compressed file, "" if the image is raw
	Size   int64       `json:"size,omitempty"`
	SHA256 string      `json:"sha256,omitempty"`
	Ranges []rangeText `json:"ranges,omitempty"`
	File   fileStamp   `json:"file"` // of the cached image
}

// rangeText is a Range with its digest.
type rangeText struct {
	Off, Len int64
	Kind     Kind
	Sum      []byte `json:",omitempty"` // of data
}

// fileStamp identifies a file and its content.
type fileStamp struct {
	Device, Inode uint64
	Size          int64
	Changed       int64 // ns; the kernel sets it, and no program can set it back
}

func stampOf(f *os.File) (s fileStamp, ok bool) {
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil {
		return s, false
	}
	return fileStamp{uint64(st.Dev), uint64(st.Ino), st.Size, st.Ctim.Nano()}, true
}

// writeHandover replaces the content of a lock file. What a killed process wrote in part is not read as a whole one.
func writeHandover(f *os.File, o *handover) {
	raw, err := json.Marshal(o)
	if err == nil && f.Truncate(0) == nil {
		f.WriteAt(raw, 0)
	}
}

// parseHandover returns a handover, nil if raw is none.
func parseHandover(raw []byte) *handover {
	var o handover
	if json.Unmarshal(raw, &o) != nil {
		return nil
	}
	return &o
}

// handoverOf returns the outcome of a run that opened im, nil if im is not in the cache, as one that is too large.
func (c *Cache) handoverOf(im *Image) *handover {
	o := &handover{Entry: im.source, Source: im.source, Size: im.size, SHA256: im.sum}
	if o.Entry == "" {
		o.Entry = im.sum
	}
	f, err := c.openEntry(o.Entry)
	if err != nil {
		return nil
	}
	defer f.Close()
	stamp, ok := stampOf(f)
	own, known := stampOf(im.f)
	if !ok || !known || stamp != own {
		return nil
	}
	o.File = stamp
	for _, r := range im.ranges {
		t := rangeText{Off: r.Off, Len: r.Len, Kind: r.Kind}
		if r.Kind == Data {
			t.Sum = r.sum[:]
		}
		o.Ranges = append(o.Ranges, t)
	}
	return o
}

// has reports whether the image has a digest, compressed or decoded.
func (o *handover) has(d digest) bool {
	return o != nil && d.kind == "sha256" && (o.Source == d.hex || o.SHA256 == d.hex)
}

// openUnchanged opens the cached image of a handover, nil if it was removed, replaced or changed since.
func (c *Cache) openUnchanged(o *handover) *Image {
	if !isSHA256(o.Entry) || c.owned() != nil {
		return nil
	}
	f, err := c.openEntry(o.Entry)
	if err != nil {
		return nil
	}
	if stamp, ok := stampOf(f); !ok || stamp != o.File {
		f.Close()
		return nil
	}
	im := &Image{size: o.Size, sum: o.SHA256, source: o.Source, f: f, private: true}
	for _, t := range o.Ranges {
		r := Range{Off: t.Off, Len: t.Len, Kind: t.Kind}
		copy(r.sum[:], t.Sum)
		im.ranges = append(im.ranges, r)
	}
	return im
}

// openEntry opens the file of an entry.
func (c *Cache) openEntry(key string) (*os.File, error) {
	return os.OpenFile(filepath.Join(c.images(), key+imageSuffix), os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0) // O_NONBLOCK: opening a pipe must not wait for its writer
}

// touch records that an entry is used.
func (c *Cache) touch(key string, now time.Time) {
	os.Chtimes(filepath.Join(c.images(), key+entrySuffix), now, now)
}
