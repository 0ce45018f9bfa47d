package image

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// cores makes a machine of any size decode in parallel.
func cores(t testing.TB) {
	before := runtime.GOMAXPROCS(4)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// sequential decodes with the sequential decoder.
func sequential(data []byte) ([]byte, error) {
	x, err := decodeXZ(bytes.NewReader(data), maxWindow)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(x)
}

// parallel decodes in parallel and reports whether that was possible; otherwise it decodes sequentially.
func parallel(t testing.TB, data []byte) (content []byte, ok bool, err error) {
	x, ok, err := decodeXZBlocks(t.Context(), bytes.NewReader(data), int64(len(data)), cpus{all: runtime.GOMAXPROCS(0)})
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		content, err = sequential(data)
		return content, false, err
	}
	defer x.Close()
	content, err = io.ReadAll(x)
	return content, true, err
}

// same compares the parallel decoder with the sequential one: the same bytes, or an error from both.
func same(t *testing.T, what string, data []byte) (content []byte, ok bool) {
	want, wantErr := sequential(data)
	got, ok, err := parallel(t, data)
	if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
		t.Errorf("%s (in parallel: %v): %d bytes, %v; want %d bytes, %v", what, ok, len(got), err, len(want), wantErr)
	}
	if err != nil {
		return nil, ok
	}
	return got, ok
}

// some returns content of a kind: one that xz stores, one that it compresses well, or zeros.
func some(rnd *rand.Rand, size int) []byte {
	content := make([]byte, size)
	switch rnd.Intn(3) {
	case 0:
		rnd.Read(content)
	case 1:
		for i := range content {
			content[i] = "words, "[rnd.Intn(7)]
		}
	}
	return content
}

func TestXZBlocksAreTheFile(t *testing.T) {
	cores(t)
	rnd := rand.New(rand.NewSource(1))
	sizes := []int{0, 1, 2, 4095, 4096, 4097, 65535, 65536, 65537, 300_001}
	inParallel := 0
	for range 60 {
		var data, want []byte
		what := ""
		for range 1 + rnd.Intn(3) {
			content := some(rnd, sizes[rnd.Intn(len(sizes))])
			size := 1 + rnd.Intn(2*len(content)/(1+rnd.Intn(9))+4096)
			size = max(size, 4096)
			check := []string{"none", "crc32", "crc64", "sha256"}[rnd.Intn(4)]
			tool := []string{"xz", "-c", "-0", "-C", check, "-T2", fmt.Sprint("--block-size=", size)}
			if rnd.Intn(2) == 0 {
				tool = append(tool, "--x86", "--delta=dist=4", "--lzma2=preset=0")
			}
			if rnd.Intn(2) == 0 {
				tool[5] = "-T1" // which leaves the sizes out of the blocks' headers
			}
			what += fmt.Sprint(len(content), " bytes by ", tool, "; ")
			data = append(append(data, pack(t, tool, content)...), make([]byte, 4*rnd.Intn(3))...)
			want = append(want, content...)
		}
		got, ok := same(t, what, data)
		if ok {
			inParallel++
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes; want %d bytes", what, len(got), len(want))
		}
	}
	if inParallel < 20 {
		t.Errorf("%d files were decoded in parallel; want more", inParallel)
	}
}

// TestEveryBitOfXZBlocks damages each bit outside of the compressed data and some of it, and cuts at each byte.
func TestEveryBitOfXZBlocks(t *testing.T) {
	cores(t)
	content := bytes.Repeat([]byte("an image of some words, "), 300)
	rand.New(rand.NewSource(1)).Read(content[:100])
	tool := []string{"xz", "-c", "-T2", "--lzma2=preset=0,dict=4KiB", "--block-size=4096"}
	one := pack(t, tool, content)
	data := slices.Concat(one, make([]byte, 4), pack(t, append(tool, "-C", "sha256"), content[:5000]))
	whole, ok := same(t, "whole", data)
	if !ok {
		t.Fatal("it is not decoded in parallel")
	}
	list, err := readIndexes(t.Context(), bytes.NewReader(data), int64(len(data)))
	if err != nil || len(list) != 4 {
		t.Fatalf("readIndexes = %v, %v; want several blocks", list, err)
	}
	check := func(what string, data []byte) {
		if got, ok := same(t, what, data); got != nil && !bytes.Equal(got, whole) && !bytes.Equal(got, content) {
			t.Errorf("%s (in parallel: %v): decoded to %d other bytes; want an error or the content", what, ok, len(got))
		}
	}
	for at := range data {
		for bit := range 8 {
			if bit > 0 && packed(list, int64(at)) {
				break
			}
			flipped := bytes.Clone(data)
			flipped[at] ^= 1 << bit
			check(fmt.Sprintf("bit %d of byte %d", bit, at), flipped)
		}
		check(fmt.Sprintf("%d bytes", at), data[:at])
		if packed(list, int64(at)) {
			continue
		}
		check(fmt.Sprintf("without byte %d", at), slices.Delete(bytes.Clone(data), at, at+1))
		check(fmt.Sprintf("zeros from byte %d", at), slices.Insert(bytes.Clone(data), at, make([]byte, 4)...))
	}
}

// packed reports whether a byte is well inside of a block.
func packed(list []block, at int64) bool {
	return slices.ContainsFunc(list, func(b block) bool { return at >= b.start+24 && at < b.start+b.padded()-16 })
}

// TestRecordsOfOtherBlocks decodes with an index of other blocks, whose checksums are right.
func TestRecordsOfOtherBlocks(t *testing.T) {
	cores(t)
	content := make([]byte, 20_000)
	rand.New(rand.NewSource(1)).Read(content)
	data := pack(t, []string{"xz", "-c", "-0", "-T1", "--block-size=4096"}, content)
	list, _ := readIndexes(t.Context(), bytes.NewReader(data), int64(len(data)))
	if len(list) != 5 {
		t.Fatalf("readIndexes = %v; want two blocks", list)
	}
	for what, edit := range map[string]func(list []block) []block{
		"longer block":     func(l []block) []block { l[1].unpacked++; return l },
		"shorter block":    func(l []block) []block { l[4].unpacked--; return l },
		"nothing in it":    func(l []block) []block { l[2].unpacked = 0; return l },
		"two as one":       func(l []block) []block { l[1].unpadded = l[1].padded() + l[2].unpadded; return slices.Delete(l, 2, 3) },
		"shifted":          func(l []block) []block { l[1].unpadded, l[2].unpadded = l[1].unpadded+4, l[2].unpadded-4; return l },
		"other padding":    func(l []block) []block { l[4].unpadded = l[4].padded() - 3 + l[4].unpadded%4; return l },
		"too long":         func(l []block) []block { l[0].unpadded = 1 << 62; return l },
		"too large":        func(l []block) []block { l[0].unpacked = 1 << 62; return l },
		"left out":         func(l []block) []block { return l[1:] },
		"twice":            func(l []block) []block { return append(l[:1:1], l...) },
		"nothing":          func([]block) []block { return nil },
		"in another order": func(l []block) []block { l[0].unpacked, l[4].unpacked = l[4].unpacked, l[0].unpacked; return l },
	} {
		other := edit(slices.Clone(list))
		damaged := append(bytes.Clone(data[:list[4].start+list[4].padded()]), ending(other, list[0].flags)...)
		if got, _ := same(t, what, damaged); got != nil {
			t.Errorf("%s: decoded; want an error", what)
		}
	}
	if good := append(bytes.Clone(data[:list[4].start+list[4].padded()]), ending(list, list[0].flags)...); !bytes.Equal(good, data) {
		t.Error("ending differs from the end of a file of xz; want the same")
	}
}

func TestNotInBlocks(t *testing.T) {
	cores(t)
	content := make([]byte, 200_000)
	xz := func(args ...string) []byte { return pack(t, append([]string{"xz", "-c", "-0"}, args...), content) }
	two := xz("--block-size=150000")
	for what, data := range map[string][]byte{
		"empty": nil, "zeros": make([]byte, 8192), "not xz": []byte("an image that is not packed, and a bit longer"),
		"one block": xz("-T1"), "no block": pack(t, []string{"xz", "-c"}, nil),
		"padding first": slices.Concat(make([]byte, 4), two), "padding only": slices.Concat(make([]byte, 4096), two),
		"a long padding": slices.Concat(two, make([]byte, 8192)), "odd padding": slices.Concat(two, make([]byte, 2)),
		"more": slices.Concat(two, []byte("garbage!")), "other flags": slices.Concat(two, streamHeader(4), ending(nil, [2]byte{0, 2})),
		"an unknown check": slices.Concat(two, streamHeader(2), ending(nil, [2]byte{0, 2})),
		"a huge window":    xz("--block-size=150000", "--lzma2=preset=0,dict=1GiB"),
		"large windows":    xz("--block-size=150000", "--lzma2=preset=0,dict=128MiB"),
	} {
		if _, ok := same(t, what, data); ok {
			t.Errorf("%s: decoded in parallel; want it refused", what)
		}
	}
	if _, ok := same(t, "an empty stream", slices.Concat(two, streamHeader(4), ending(nil, [2]byte{0, 4}))); !ok {
		t.Error("a file with an empty stream is not decoded in parallel; want it is")
	}
	runtime.GOMAXPROCS(1)
	if _, ok := same(t, "one core", two); ok {
		t.Error("one core: decoded in parallel; want not")
	}
}

func streamHeader(check byte) []byte {
	h := header([2]byte{0, check})
	return h[:]
}

// ending returns the index and the footer of a stream.
func ending(list []block, flags [2]byte) []byte {
	t := binary.AppendUvarint([]byte{0}, uint64(len(list)))
	for _, b := range list {
		t = binary.AppendUvarint(binary.AppendUvarint(t, uint64(b.unpadded)), uint64(b.unpacked))
	}
	return appendFooter(t, flags)
}

func TestMemoryIsShared(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		cores                  int
		largest, dict          int64
		wantWorkers, wantSlots int
	}{
		{2, 24 * mib, 8 * mib, 2, 3},
		{32, 24 * mib, 8 * mib, 5, 5},
		{4, 1 * mib, 1 * mib, 4, 5},
		{2, 48 * mib, 16 * mib, 2, 2},
		{2, 64 * mib, 64 * mib, 0, 0},
		{8, 16 * mib, 64 * mib, 2, 2},
		{1, 1, 4096, 0, 0},
		{4, 0, 4096, 4, 5},
	} {
		workers, slots := planWorkers(tt.cores, tt.largest, tt.dict)
		if workers != tt.wantWorkers || slots != tt.wantSlots {
			t.Errorf("share(%d, %d MiB, %d MiB) = %d, %d; want %d, %d", tt.cores, tt.largest/mib, tt.dict/mib, workers, slots, tt.wantWorkers, tt.wantSlots)
		}
	}
}

// TestXZBlocksHurry holds that the reserved CPUs are used once UseAll is closed, and not before.
func TestXZBlocksHurry(t *testing.T) {
	content := make([]byte, 1<<20)
	data := pack(t, []string{"xz", "-c", "-0", "--block-size=65536"}, content)
	synctest.Test(t, func(t *testing.T) {
		hurry := make(chan struct{})
		var at atomic.Int64 // how many read at once
		var most atomic.Int64
		slow := readerAt(func(p []byte, off int64) (int, error) {
			most.Store(max(most.Load(), at.Add(1)))
			defer at.Add(-1)
			time.Sleep(time.Millisecond)
			return bytes.NewReader(data).ReadAt(p, off)
		})
		for _, step := range []struct{ most int64 }{{1}, {3}} {
			most.Store(0)
			x, ok, err := decodeXZBlocks(t.Context(), slow, int64(len(data)), cpus{3, 2, hurry})
			if !ok || err != nil {
				t.Fatal(ok, err)
			}
			got, err := io.ReadAll(x)
			x.Close()
			if !bytes.Equal(got, content) || err != nil || most.Load() != step.most {
				t.Errorf("%d bytes, %v; %d at once, want %d", len(got), err, most.Load(), step.most)
			}
			if step.most == 1 {
				close(hurry)
			}
		}
	})
}

// readerAt is a function that implements io.ReaderAt.
type readerAt func(p []byte, off int64) (int, error)

func (r readerAt) ReadAt(p []byte, off int64) (int, error) { return r(p, off) }

// TestXZBlocksStop stops decoding early, from each side; a worker that continued would block it.
func TestXZBlocksStop(t *testing.T) {
	cores(t)
	data := pack(t, []string{"xz", "-c", "-0", "--block-size=4096"}, make([]byte, 1<<20))
	stop := errors.New("stop")
	for _, read := range []int64{0, 1, 4096, 100_000} {
		ctx, cancel := context.WithCancelCause(t.Context())
		x, ok, err := decodeXZBlocks(ctx, bytes.NewReader(data), int64(len(data)), cpus{all: runtime.GOMAXPROCS(0)})
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		if _, err := io.CopyN(io.Discard, x, read); err != nil {
			t.Error(err)
		}
		cancel(stop)
		x.(*blocks).workers.Wait() // without Close
		if _, err := io.ReadAll(x); !errors.Is(err, stop) {
			t.Errorf("Read after %d bytes and cancel = %v; want the cause", read, err)
		}
		x.Close()
		if _, _, err := decodeXZBlocks(ctx, bytes.NewReader(data), int64(len(data)), cpus{all: runtime.GOMAXPROCS(0)}); !errors.Is(err, stop) {
			t.Errorf("decodeXZBlocks after cancel = %v; want the cause", err)
		}
		x, _, err = decodeXZBlocks(t.Context(), bytes.NewReader(data), int64(len(data)), cpus{all: runtime.GOMAXPROCS(0)})
		if _, errCopy := io.CopyN(io.Discard, x, read); err != nil || errCopy != nil {
			t.Error(err, errCopy)
		}
		x.Close() // which waits
		if _, err := io.ReadAll(x); err == nil {
			t.Errorf("Read after %d bytes and Close = nil; want an error", read)
		}
	}
}

// unreadable fails from a byte on, as a disk does.
type unreadable struct {
	io.ReaderAt
	from, to int64
	err      error
}

func (u unreadable) ReadAt(p []byte, at int64) (int, error) {
	if at < u.to && at+int64(len(p)) > u.from {
		return 0, u.err
	}
	return u.ReaderAt.ReadAt(p, at)
}

func TestXZBlocksTellWhatTheDiskSays(t *testing.T) {
	cores(t)
	content := make([]byte, 1<<20)
	rand.New(rand.NewSource(1)).Read(content)
	data := pack(t, []string{"xz", "-c", "-0", "--block-size=65536"}, content)
	broken := errors.New("broken")
	x, ok, err := decodeXZBlocks(t.Context(), unreadable{bytes.NewReader(data), 600_000, 600_001, broken}, int64(len(data)), cpus{all: runtime.GOMAXPROCS(0)})
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	defer x.Close()
	if got, err := io.ReadAll(x); !errors.Is(err, broken) || len(got) < 500_000 || !bytes.HasPrefix(content, got) {
		t.Errorf("Read = %d bytes, %v; want the error of the disk", len(got), err)
	}
}

// programs returns content like that of an image.
func programs(b *testing.B, size int) []byte {
	var content []byte
	for _, root := range []string{"/usr/bin", "/usr/lib"} {
		filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || len(content) >= size || !e.Type().IsRegular() {
				return nil
			}
			data, _ := os.ReadFile(path)
			content = append(content, data[:min(len(data), 4<<20)]...)
			return nil
		})
	}
	if len(content) < size {
		b.Skip("LEFT OUT: no files to pack")
	}
	return content[:size]
}

// BenchmarkXZ decodes 64 MiB of this machine's programs, packed as xz does with several threads.
func BenchmarkXZ(b *testing.B) {
	content := programs(b, 64<<20)
	data := pack(b, []string{"xz", "-c", "-2", "-T2", "--block-size=8MiB"}, content)
	for _, way := range []struct {
		name string
		open func() (io.ReadCloser, error)
	}{
		{"sequential", func() (io.ReadCloser, error) { return decodeXZ(bytes.NewReader(data), maxWindow) }},
		{"parallel", func() (io.ReadCloser, error) {
			x, ok, err := decodeXZBlocks(b.Context(), bytes.NewReader(data), int64(len(data)), cpus{all: runtime.GOMAXPROCS(0)})
			if !ok {
				b.Skip("LEFT OUT: it needs two cores")
			}
			return x, err
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				x, err := way.open()
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, x); err != nil || n != int64(len(content)) {
					b.Fatal(n, err)
				}
				x.Close()
			}
		})
	}
}
