package flash

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// holds checks that a medium that was full of 0xff holds an image: the mapped parts, and after the padded end 0xff
// as before. free reports whether unmapped parts may hold anything.
func holds(t *testing.T, path string, l layout, sector int, free bool) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, at := l.content(), 0
	for i, p := range l {
		if (p.kind != nothing || !free) && !bytes.Equal(got[at:at+p.size], want[at:at+p.size]) {
			t.Errorf("part %d of kind %d: the medium differs in bytes %d to %d; want the image", i, p.kind, at, at+p.size)
		}
		at += p.size
	}
	end := (at + sector - 1) / sector * sector
	if after := got[end:]; !bytes.Equal(after, bytes.Repeat([]byte{0xff}, len(after))) {
		t.Errorf("the medium changed after byte %d; want it unchanged", end)
	}
}

// layouts are of sizes that are no multiple of any block of ours.
func layouts() map[string]layout {
	r := rand.New(rand.NewPCG(1, 2))
	all := map[string]layout{
		"one block": {{data, simgBlock}}, "zeros": {{zero, 3000 * simgBlock}}, "ends in zeros": {{data, 700 * simgBlock}, {zero, 5001 * simgBlock}},
		"ends in nothing": {{data, 700 * simgBlock}, {nothing, 5001 * simgBlock}}, "begins with nothing": {{nothing, 9000 * simgBlock}, {data, simgBlock}},
	}
	for i := range 2 {
		all[fmt.Sprint("any ", i)] = anyLayout(r, (1+r.IntN(8000))*simgBlock, simgBlock)
	}
	return all
}

// TestEveryFormatLocally writes every format to a file and to a block device.
func TestEveryFormatLocally(t *testing.T) {
	for format := range formats {
		t.Run(format, func(t *testing.T) {
			free := strings.HasSuffix(format, "*")
			for name, l := range layouts() {
				if unpacks := format != "raw" && !free; unpacks && !strings.HasPrefix(name, "any") && !soak {
					continue // the writer sees a decoded image as a raw one
				}
				if !free { // end in the middle of a block
					l = append(l, part{data, 1 + len(name)})
				}
				im := staged(t, format, l)
				file := full(t, l.size()+10_000)
				if _, _, err := backends[0].flash(t, file, im); err != nil {
					t.Fatalf("flash %s to a file = %v; want no error", name, err)
				}
				if st, err := os.Stat(file); err != nil || st.Size() != int64(l.size()) {
					t.Errorf("%s: the file has %d bytes, %v; want %d", name, st.Size(), err, l.size())
				}
				holds(t, file, l, 1, free)
				device := loop(t, full(t, (l.size()+8191)/4096*4096+4096))
				if _, _, err := backends[1].flash(t, device, im); err != nil {
					t.Fatalf("flash %s to a device = %v; want no error", name, err)
				}
				holds(t, device, l, 512, free)
			}
		})
	}
}

// TestEveryFormatByABoard has a current board and an old one write images, and then images that differ in one
// part.
func TestEveryFormatByABoard(t *testing.T) {
	for name, newShell := range map[string]func(t *testing.T) *hostShell{"new": newHostShell, "old": oldBusybox} {
		t.Run(name, func(t *testing.T) {
			sh := newShell(t)
			for format, l := range map[string]layout{
				"raw":           {{data, 1}},
				"simg*":         anyLayout(rand.New(rand.NewPCG(3, 4)), 9000*simgBlock, simgBlock),
				"raw and bmap*": anyLayout(rand.New(rand.NewPCG(5, 6)), 7001*simgBlock+77, simgBlock),
				"lz4":           {{zero, 5*mib + 3}},
				// At least probeFrom, with a part that the board fills with zeros.
				"gz": {{data, 9*mib + 11}, {zero, 7 * mib}, {nothing, 3*mib + 1}, {data, 2*mib + 1234}},
			} {
				d, _ := newDUT(t, slow{sh})
				m := medium(t, int64(l.size())+8192)
				free := strings.HasSuffix(format, "*")
				flash := func(l layout) *ShellWriter {
					t.Helper()
					im := staged(t, format, l)
					w, err := write(t, d, m, im)
					if err != nil {
						t.Fatalf("Write %s = %v; want no error\n%s", format, err, classify.Facts(err).Console)
					}
					if r, err := w.Verify(t.Context()); err != nil || !r.Valid() || r.SHA256 != im.SHA256() {
						t.Fatalf("Verify %s = %+v, %v; want a valid receipt", format, r, err)
					}
					holds(t, m.Device, l, 512, free)
					return w
				}
				flash(l)
				if l.size() < probeFrom {
					continue
				}
				if w := flash(append(l[:len(l)-1:len(l)-1], part{fill, l[len(l)-1].size})); w.counts.Skipped == 0 || w.counts.Skipped >= int64(l.size()) {
					t.Errorf("%s: %d bytes were skipped; want some of %d", format, w.counts.Skipped, l.size())
				}
			}
		})
	}
}

// TestHugeImage writes an image of more than 4 GiB, nearly all of it holes: offsets beyond 32 bits are right, and
// holes cost little.
func TestHugeImage(t *testing.T) {
	const size = 4<<30 + 64<<20 + 12345
	dir := t.TempDir()
	source, err := os.Create(filepath.Join(dir, "disk.img"))
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	places := []int64{0, 1<<32 - 100_000, 4<<30 + 32<<20 + 777, size - 1000}
	for i, at := range places {
		if _, err := source.WriteAt(random(1000, byte(i)), at); err != nil {
			t.Fatal(err)
		}
	}
	im, err := image.Open(t.Context(), image.Ref(source.Name()))
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	check := func(what, path string) {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for i, at := range places {
			got := make([]byte, 1000)
			if _, err := f.ReadAt(got, at); err != nil || !bytes.Equal(got, random(1000, byte(i))) {
				t.Errorf("%s: the bytes at %d differ, %v; want those of the image", what, at, err)
			}
		}
	}
	medium := filepath.Join(dir, "medium")
	put(t, medium, bytes.Repeat([]byte{0xff}, mib))
	if _, _, err := backends[0].flash(t, medium, &picture{im, nil}); err != nil {
		t.Fatal(err)
	}
	check("local", medium)
	if !soak {
		return // a board fills all of it with zeros, or the image is read three times
	}
	put(t, source.Name()+".bmap", mapOf(t, source, size, places))
	if im, err = image.Open(t.Context(), image.Ref(source.Name())); err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if err := os.Truncate(medium, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(medium, size+4096); err != nil {
		t.Fatal(err)
	}
	if _, _, err := backends[2].flash(t, medium, &picture{im, nil}); err != nil {
		t.Fatal(err)
	}
	check("board", medium)
}

// mapOf returns the block map of an image with a thousand bytes at some places.
func mapOf(t *testing.T, f *os.File, size int64, places []int64) []byte {
	var ranges strings.Builder
	count := int64(0)
	for _, at := range places {
		first, last := at/4096, (at+999)/4096
		h := sha256.New()
		if _, err := io.Copy(h, io.NewSectionReader(f, first*4096, min((last+1)*4096, size)-first*4096)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&ranges, "<Range chksum=\"%x\"> %d-%d </Range>\n", h.Sum(nil), first, last)
		count += last + 1 - first
	}
	return bmapText(size, 4096, count, ranges.String())
}
