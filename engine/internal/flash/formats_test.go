package flash

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// What a part of a layout is.
const (
	data = iota
	zero
	fill
	nothing // does not matter, where a format can say so
)

// part is some bytes of a layout.
type part struct{ kind, size int }

// layout is what an image is made of.
type layout []part

func (l layout) size() (n int) {
	for _, p := range l {
		n += p.size
	}
	return n
}

// content is the image; what does not matter is zeros.
func (l layout) content() []byte {
	b := make([]byte, 0, l.size())
	for i, p := range l {
		part := make([]byte, p.size)
		switch p.kind {
		case data:
			copy(part, random(p.size, byte(i)))
		case fill:
			for j := range part {
				part[j] = "fill"[j%4]
			}
		}
		b = append(b, part...)
	}
	return b
}

// anyLayout gives parts of whole blocks, of a few kilobytes or of megabytes.
func anyLayout(r *rand.Rand, size, block int) (l layout) {
	for left := size / block; left > 0; {
		n := min(left, 1+r.IntN([]int{8, 100, 1500}[r.IntN(3)]))
		l = append(l, part{r.IntN(4), n * block})
		left -= n
	}
	if rest := size % block; rest > 0 {
		l = append(l, part{data, rest})
	}
	return l
}

// sparseFile writes an image as a file with holes.
func (l layout) sparseFile(t *testing.T, path string) {
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content, at := l.content(), 0
	for _, p := range l {
		if p.kind == data || p.kind == fill {
			if _, err := f.WriteAt(content[at:at+p.size], int64(at)); err != nil {
				t.Fatal(err)
			}
		}
		at += p.size
	}
	if err := f.Truncate(int64(l.size())); err != nil {
		t.Fatal(err)
	}
}

// simg writes an image in Android's sparse format.
func (l layout) simg(block int) []byte {
	le := binary.LittleEndian
	file := []byte("\x3a\xff\x26\xed\x01\x00\x00\x00\x1c\x00\x0c\x00")
	for _, n := range []int{block, l.size() / block, len(l), 0} {
		file = le.AppendUint32(file, uint32(n))
	}
	content := l.content()
	for _, p := range l {
		kind, body := 0xcac1, content[:p.size]
		switch p.kind {
		case fill:
			kind, body = 0xcac2, []byte("fill")
		case zero:
			kind, body = 0xcac2, make([]byte, 4)
		case nothing:
			kind, body = 0xcac3, nil
		}
		file = le.AppendUint32(file, uint32(kind))
		file = le.AppendUint32(file, uint32(p.size/block))
		file = le.AppendUint32(file, uint32(12+len(body)))
		file = append(file, body...)
		content = content[p.size:]
	}
	return file
}

// bmap writes the block map of an image.
func (l layout) bmap(block int) []byte {
	var ranges strings.Builder
	content, at, count := l.content(), 0, 0
	for _, p := range l {
		if p.kind != nothing {
			first, end := at/block, (at+p.size+block-1)/block
			fmt.Fprintf(&ranges, "<Range chksum=\"%x\"> %d-%d </Range>\n", sha256.Sum256(content[at:at+p.size]), first, end-1)
			count += end - first
		}
		at += p.size
	}
	return bmapText(int64(l.size()), int64(block), int64(count), ranges.String())
}

func bmapText(size, block, count int64, ranges string) []byte {
	text := fmt.Sprintf("<bmap version=\"2.0\"><ImageSize>%d</ImageSize><BlockSize>%d</BlockSize><BlocksCount>%d</BlocksCount><MappedBlocksCount>%d</MappedBlocksCount>"+
		"<ChecksumType>sha256</ChecksumType><BmapFileChecksum>%s</BmapFileChecksum><BlockMap>\n%s</BlockMap></bmap>\n",
		size, block, (size+block-1)/block, count, strings.Repeat("0", 64), ranges)
	sum := sha256.Sum256([]byte(text))
	return []byte(strings.Replace(text, strings.Repeat("0", 64), hex.EncodeToString(sum[:]), 1))
}

func pack(t *testing.T, content []byte, tool ...string) []byte {
	if _, err := exec.LookPath(tool[0]); err != nil {
		t.Skipf("LEFT OUT: %s is not installed", tool[0])
	}
	cmd := exec.Command(tool[0], tool[1:]...)
	cmd.Stdin = bytes.NewReader(content)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// simgBlock is one that no sector is a multiple of.
const simgBlock = 1028

// formats make a file of a layout, and beside it what belongs to it. Those that end in a star can say that something does
// not matter.
var formats = map[string]func(t *testing.T, path string, l layout){
	"raw":           func(t *testing.T, path string, l layout) { l.sparseFile(t, path) },
	"gz":            packedBy("gzip", "-1c"),
	"xz":            packedBy("xz", "-0c", "-T1"),
	"xz of blocks":  packedBy("xz", "-0c", "-T2", "--block-size=300000"),
	"zst":           packedBy("zstd", "-1qc"),
	"bz2":           packedBy("bzip2", "-1c"),
	"lz4":           packedBy("lz4", "-qc"),
	"simg*":         func(t *testing.T, path string, l layout) { put(t, path, l.simg(simgBlock)) },
	"simg in gz*":   func(t *testing.T, path string, l layout) { put(t, path, pack(t, l.simg(simgBlock), "gzip", "-1c")) },
	"raw and bmap*": func(t *testing.T, path string, l layout) { junk(t, path, l); put(t, path+".bmap", l.bmap(simgBlock)) },
	"xz and bmap*": func(t *testing.T, path string, l layout) {
		packedBy("xz", "-0c")(t, path, l)
		put(t, path+".bmap", l.bmap(simgBlock))
	},
}

func packedBy(tool ...string) func(t *testing.T, path string, l layout) {
	return func(t *testing.T, path string, l layout) { put(t, path, pack(t, l.content(), tool...)) }
}

// junk writes an image that has something where it does not matter.
func junk(t *testing.T, path string, l layout) {
	content, at := l.content(), 0
	for _, p := range l {
		if p.kind == nothing {
			copy(content[at:at+p.size], bytes.Repeat([]byte("junk"), p.size/4))
		}
		at += p.size
	}
	put(t, path, content)
}

func put(t *testing.T, path string, content []byte) {
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// staged opens an image of a layout in a format.
func staged(t *testing.T, format string, l layout) *picture {
	path := filepath.Join(t.TempDir(), "disk.img")
	formats[format](t, path, l)
	im, err := image.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { im.Close() })
	return &picture{im, nil}
}

// holds compares a medium that was full of 0xff with what was written: what matters is there, and behind the image's end,
// padded to a sector, nothing changed.
func holds(t *testing.T, path string, l layout, sector int, free bool) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, at := l.content(), 0
	for i, p := range l {
		if (p.kind != nothing || !free) && !bytes.Equal(got[at:at+p.size], want[at:at+p.size]) {
			t.Errorf("part %d, kind %d, bytes %d to %d: the medium differs", i, p.kind, at, at+p.size)
		}
		at += p.size
	}
	end := (at + sector - 1) / sector * sector
	if behind := got[end:]; !bytes.Equal(behind, bytes.Repeat([]byte{0xff}, len(behind))) {
		t.Errorf("the medium changed behind byte %d", end)
	}
}

// soak asks for everything.
var soak = os.Getenv("FLASHLUA_SOAK") != ""

// layouts are of sizes that no block divides.
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
					continue // what is unpacked is written as if it were raw
				}
				if !free { // of no block's size
					l = append(l, part{data, 1 + len(name)})
				}
				im := staged(t, format, l)
				file := full(t, l.size()+10_000)
				if err := local(t, file, im); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if st, err := os.Stat(file); err != nil || st.Size() != int64(l.size()) {
					t.Errorf("%s: the file has %d bytes, %v", name, st.Size(), err)
				}
				holds(t, file, l, 1, free)
				device := loop(t, full(t, (l.size()+8191)/4096*4096+4096))
				if err := local(t, device, im); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				holds(t, device, l, 512, free)
			}
		})
	}
}

// oldBusybox is a board whose dd knows neither whole blocks nor ways past the cache, and that has no place in RAM.
func oldBusybox(t *testing.T) *hostShell {
	if os.Getuid() != 0 {
		t.Skip("LEFT OUT: not root: the kernel's cache cannot be dropped")
	}
	const refuse = "case \"$*\" in %s) echo invalid >&2; exit 1;; esac\nexec busybox %s \"$@\"\n"
	return otherBusybox(t, map[string]string{
		"dd":   fmt.Sprintf(refuse, "*fullblock*|*direct*|*fsync*", "dd"),
		"grep": fmt.Sprintf(refuse, "*Mem*|*tmpfs*|*rootfs*", "grep"),
	})
}

// otherBusybox is a board on which some programs are scripts.
func otherBusybox(t *testing.T, programs map[string]string) *hostShell {
	dash, err := exec.LookPath("dash")
	if err != nil {
		t.Skip("LEFT OUT: dash is not installed")
	}
	dir := busybox(t)
	for name, script := range programs {
		path := filepath.Join(dir, name)
		os.Remove(path)
		put(t, path, []byte("#!"+dash+"\n"+script))
		if err := os.Chmod(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	os.Remove(filepath.Join(dir, "sh")) // busybox's own takes its own dd
	if err := os.Symlink(dash, filepath.Join(dir, "sh")); err != nil {
		t.Fatal(err)
	}
	return &hostShell{t: t, prefix: "export PATH=" + dir + "; ", shell: []string{dash, "-c"}}
}

// TestNCThatCannotConnect is a board whose nc waits for the station as long as it may: another way is taken.
func TestNCThatCannotConnect(t *testing.T) {
	sh := otherBusybox(t, map[string]string{"nc": "case \"$*\" in --help) exec busybox nc --help;; -w*) exit 1;; esac\nexec busybox nc \"$@\"\n"})
	l := layout{{data, probeFrom}}
	d, _ := newDUT(t, sh)
	m := medium(t, int64(l.size()))
	w, err := write(t, d, m, staged(t, "raw", l))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := w.Verify(t.Context()); err != nil || !r.Valid() || w.nc {
		t.Errorf("nc: %t, %v", w.nc, err)
	}
}

// TestEveryFormatByABoard has a board write, one that can do all and one that is old: first everything, and then what is
// different in the next image.
func TestEveryFormatByABoard(t *testing.T) {
	for name, newShell := range map[string]func(t *testing.T) *hostShell{"new": newHostShell, "old": oldBusybox} {
		t.Run(name, func(t *testing.T) {
			sh := newShell(t)
			for format, l := range map[string]layout{
				"raw":           {{data, 1}},
				"simg*":         anyLayout(rand.New(rand.NewPCG(3, 4)), 9000*simgBlock, simgBlock),
				"raw and bmap*": anyLayout(rand.New(rand.NewPCG(5, 6)), 7001*simgBlock+77, simgBlock),
				"lz4":           {{zero, 5*mib + 3}},
				// More than a probe wants, with a part that is the board's to zero.
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
						t.Fatalf("%s: %v\n%s", format, err, classify.Facts(err).Console)
					}
					if r, err := w.Verify(t.Context()); err != nil || !r.Valid() || r.SHA256 != im.SHA256() {
						t.Fatalf("%s: %+v, %v", format, r, err)
					}
					holds(t, m.Device, l, 512, free)
					return w
				}
				flash(l)
				if l.size() < probeFrom {
					continue
				}
				if w := flash(append(l[:len(l)-1:len(l)-1], part{fill, l[len(l)-1].size})); w.counts.Skipped == 0 || w.counts.Skipped >= int64(l.size()) {
					t.Errorf("%s: %d bytes were right already, of %d", format, w.counts.Skipped, l.size())
				}
			}
		})
	}
}

// TestEveryWayToReadBack holds each way of the helper to what it is for: to tell right from wrong.
func TestEveryWayToReadBack(t *testing.T) {
	l := layout{{data, mib + 1}, {zero, 5 * mib}, {data, mib + 7}}
	im := staged(t, "raw", l)
	path := filepath.Join(t.TempDir(), "disk")
	put(t, path, append(l.content(), make([]byte, 512)...))
	m := Medium{Target: Target{Name: "disk", Path: path}, Device: path, Size: int64(l.size()), Sector: 512}
	disk, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	for program := range hashes {
		for _, name := range []string{"pipe", "file"} {
			d, _ := newDUT(t, newHostShell(t))
			w := d.NewWriter(m, im)
			w.method = readMethod{name, program}
			if r, err := w.Verify(t.Context()); err != nil || !r.Valid() {
				t.Errorf("%v: %v", w.method, err)
			}
			at := int64(4*mib + 5) // where there are zeros
			disk.WriteAt([]byte{1}, at)
			if r, err := w.Verify(t.Context()); r.Valid() || classify.Facts(err).Kind != classify.VerifyMismatch {
				t.Errorf("%v, with a wrong byte: %v", w.method, err)
			}
			if r, err := repaired(t.Context(), w); err != nil || !r.Valid() || w.counts.Rewritten != 1 {
				t.Errorf("%v, with a wrong byte, to be mended: %d ranges, %v", w.method, w.counts.Rewritten, err)
			}
		}
	}
}

// counted counts how often the board told of its memory, which a survey does, and of a copy, which writes.
type counted struct {
	*hostShell
	surveys, copies int
}

func (c *counted) Exec(ctx context.Context, cmd console.Command) (console.Result, error) {
	r, err := c.hostShell.Exec(ctx, cmd)
	c.surveys += strings.Count(r.Output, "free=")
	c.copies += strings.Count(r.Output, "copy=")
	return r, err
}

// TestOneSurvey holds that a board is looked at once, with the image there or not, and that nothing is written before.
func TestOneSurvey(t *testing.T) {
	l := layout{{data, probeFrom}}
	im := staged(t, "raw", l)
	sh := &counted{hostShell: newHostShell(t)}
	d, _ := newDUT(t, sh)
	if err := d.ProfileReads(t.Context(), medium(t, mib)); err != nil || sh.surveys != 0 {
		t.Errorf("a medium on which it does not pay: %d surveys, %v", sh.surveys, err)
	}
	for _, early := range []bool{false, true} {
		m := medium(t, int64(l.size()))
		sh := &counted{hostShell: newHostShell(t)}
		d, _ := newDUT(t, sh)
		if early {
			if err := d.ProfileReads(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			if sh.surveys != 1 || sh.copies != 0 {
				t.Errorf("before the image is there: %d surveys, %d copies", sh.surveys, sh.copies)
			}
		}
		w, err := write(t, d, m, im)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := w.Verify(t.Context()); err != nil || !r.Valid() {
			t.Error(err)
		}
		if sh.surveys != 1 || sh.copies != 1 || w.probeTime == 0 {
			t.Errorf("early %t: %d surveys, %d copies, reading took %d", early, sh.surveys, sh.copies, w.probeTime)
		}
	}
}

// TestHugeImage is of 6 GiB, nearly all of them holes: places behind 4 GiB are right, and holes cost little.
func TestHugeImage(t *testing.T) {
	const size = 6<<30 + 12345
	dir := t.TempDir()
	source, err := os.Create(filepath.Join(dir, "disk.img"))
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	places := []int64{0, 1<<32 - 100_000, 5<<30 + 777, size - 1000}
	for i, at := range places {
		if _, err := source.WriteAt(random(1000, byte(i)), at); err != nil {
			t.Fatal(err)
		}
	}
	im, err := image.Open(t.Context(), source.Name())
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
				t.Errorf("%s: the bytes at %d differ, %v", what, at, err)
			}
		}
	}
	medium := filepath.Join(dir, "medium")
	put(t, medium, bytes.Repeat([]byte{0xff}, mib))
	if err := local(t, medium, &picture{im, nil}); err != nil {
		t.Fatal(err)
	}
	check("local", medium)
	if !soak {
		return // a board zeros all of it, or the image is read thrice
	}
	put(t, source.Name()+".bmap", mapOf(t, source, size, places))
	if im, err = image.Open(t.Context(), source.Name()); err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if err := os.Truncate(medium, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(medium, size+4096); err != nil {
		t.Fatal(err)
	}
	if err := onMedium["board"](t, medium, &picture{im, nil}); err != nil {
		t.Fatal(err)
	}
	check("board", medium)
}

// mapOf is the block map of an image with a thousand bytes at some places.
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
