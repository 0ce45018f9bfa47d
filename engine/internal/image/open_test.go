package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
)

const (
	// fuzzSize is the largest image that a fuzzer may make.
	fuzzSize = 4 << 20
	// fuzzMemory is what opening one may allocate: the windows of three layers, with what their decoders keep
	// beside them.
	fuzzMemory = 3 * (maxWindow + 2*innerWindow)
	// fuzzTime is far more than opening one takes.
	fuzzTime = time.Minute
)

// FuzzOpen opens whatever a file may be. It begins with every format, and with formats in each other.
func FuzzOpen(f *testing.F) {
	content := append(make([]byte, 8<<10), content(1, 24<<10)[:24<<10]...)
	for _, c := range sized(f, content) {
		f.Add(c.file)
	}
	outer := [][]string{packers["gz"], packers["xz"], packers["zst"], packers["bz2"], packers["lz4"], {"xz", "-c", "--block-size=4KiB"}, {"lz4", "-q", "-c", "-l"}}
	sparse, _ := sparseFile(4096, chunkRaw, chunkSkip, chunkFill, chunkCRC, chunkRaw)
	inner := [][]byte{sparse}
	for _, tool := range outer {
		inner = append(inner, pack(f, tool, content[:12<<10]))
	}
	for _, in := range inner {
		f.Add(in)
		for _, tool := range outer {
			f.Add(pack(f, tool, in))
		}
	}
	f.Add(pack(f, packers["zst"], pack(f, packers["gz"], sparse)))
	f.Add(pack(f, packers["gz"], pack(f, packers["gz"], pack(f, packers["gz"], sparse))))
	f.Add([]byte(sparseHead(1<<32-4, 1<<32-1, 1, chunkSkip, 1<<32-1, 12)))
	f.Add([]byte("\x28\xb5\x2f\xfd\x00\x88\x01\x00\x00")) // zstd, a window of 128 MiB
	f.Add([]byte("\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00")) // of 2 GiB
	f.Add(pack(f, []string{"xz", "-c", "--lzma2=preset=0,dict=128MiB"}, content[:100]))
	for i := range nonImages {
		f.Add([]byte([]string{"version https://git-lfs.github.com/spec/v1\n", "<!doctype html>", "<?xml version='1.0'?>", `{"error": 1}`}[i%4]))
	}
	f.Fuzz(checkOpen)
}

// outcome is what must be equal whenever the same bytes are opened.
type outcome struct {
	kind   classify.Kind
	size   int64
	sum    string
	source string
	ranges []Range
}

// checkOpen opens bytes twice and compares.
func checkOpen(t *testing.T, file []byte) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	first := openOnce(t, path)
	if second := openOnce(t, path); fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("Open = %.300s, then %.300s; want the same", fmt.Sprint(first), fmt.Sprint(second))
	}
}

func openOnce(t *testing.T, path string) (o outcome) {
	ctx, cancel := context.WithTimeout(t.Context(), fuzzTime)
	defer cancel()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	im, err := Stager{MaxSize: fuzzSize, space: noneTells}.Open(ctx, Ref(path))
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > fuzzMemory {
		t.Errorf("Open allocated %d bytes; want at most fuzzMemory", n)
	}
	if ctx.Err() != nil {
		t.Fatal("it did not end")
	}
	if err != nil {
		f := classify.Facts(err)
		if f.Kind == "" || f.Kind == classify.Internal || f.Class != classify.Fatal {
			t.Errorf("Open = %v of kind %q, %s; want a fatal error of a known kind", err, f.Kind, f.Class)
		}
		return outcome{kind: f.Kind}
	}
	defer im.Close()
	checkImage(t, im)
	return outcome{"", im.size, im.sum, im.source, im.ranges}
}

// checkImage checks the invariants of an open image.
func checkImage(t *testing.T, im *Image) {
	all := make([]byte, min(im.Size(), fuzzSize))
	if n, err := im.ReadAt(all, 0); int64(n) != im.Size() || err != nil && err != io.EOF || fmt.Sprintf("%x", sha256.Sum256(all)) != im.SHA256() {
		t.Errorf("ReadAt = %d bytes of %d, %v; want all, of the digest", n, im.Size(), err)
	}
	buf, end := make([]byte, MaxRange), int64(0)
	for _, r := range im.Ranges() {
		switch {
		case r.Off < end || r.Len <= 0 || r.Len > MaxRange || r.Off/MaxRange != (r.Off+r.Len-1)/MaxRange || r.Off+r.Len > im.Size():
			t.Fatalf("range %d+%d of an image of %d after byte %d; want sorted ranges of the image", r.Off, r.Len, im.Size(), end)
		case im.ReadRange(r, buf) != nil || !bytes.Equal(buf[:r.Len], all[r.Off:r.Off+r.Len]):
			t.Errorf("ReadRange(%d+%d) differs from ReadAt; want the same", r.Off, r.Len)
		}
		end = r.Off + r.Len
	}
	if len(im.Ranges()) == 0 && slices.ContainsFunc(all, func(b byte) bool { return b != 0 }) {
		t.Error("Ranges is empty and the image has data; want ranges")
	}
}
