package flash

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/engine/internal/image"
)

func random(n int, seed byte) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(p)
	return p
}

// picture is an image whose CheckUnchanged returns err.
type picture struct {
	*image.Image
	err error
}

func (p *picture) CheckUnchanged() error { return p.err }

// newImage returns a raw image with a content.
func newImage(t *testing.T, b []byte) *picture {
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	im, err := image.Stager{Format: image.FormatRaw}.Open(t.Context(), image.Ref(path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { im.Close() })
	return &picture{im, nil}
}

// full returns the path of a file full of 0xff.
func full(t *testing.T, size int) string {
	path := filepath.Join(t.TempDir(), "backing")
	if err := os.WriteFile(path, bytes.Repeat([]byte{0xff}, size), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The kinds of a part.
const (
	data = iota
	zero
	fill
	nothing // unmapped, in formats that can say so; zeros in the others
)

// part is a number of bytes of one kind.
type part struct{ kind, size int }

// layout is the content of an image.
type layout []part

func (l layout) size() (n int) {
	for _, p := range l {
		n += p.size
	}
	return n
}

// content returns the bytes of the image, with zeros for unmapped parts.
func (l layout) content() []byte {
	b := make([]byte, 0, l.size())
	for i, p := range l {
		part := make([]byte, p.size)
		switch p.kind {
		case data:
			copy(part, random(p.size, byte(i)))
		case fill:
			for j := range part {
				part[j] = "\x01ill"[j%4]
			}
		}
		b = append(b, part...)
	}
	return b
}

// anyLayout returns a random layout with parts of whole blocks, from kilobytes to megabytes.
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

// sparseFile writes the image as a file with holes.
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

// simg returns the image in Android's sparse format.
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
			kind, body = 0xcac2, []byte("\x01ill")
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

// bmap returns the block map of the image.
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

// pack compresses content.
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

// simgBlock is a block size that is no multiple of a sector.
const simgBlock = 1028

// formats write a layout as an image file, and a block map next to it. Those that end in a star can mark parts as
// unmapped.
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

// junk writes a raw image with other bytes in its unmapped parts.
func junk(t *testing.T, path string, l layout) {
	content, at := l.content(), 0
	for _, p := range l {
		if p.kind == nothing {
			copy(content[at:at+p.size], bytes.Repeat([]byte("\x01unk"), p.size/4))
		}
		at += p.size
	}
	put(t, path, content)
}

// put writes a file.
func put(t *testing.T, path string, content []byte) {
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// staged opens an image of a layout in a format.
func staged(t *testing.T, format string, l layout) *picture {
	path := filepath.Join(t.TempDir(), "disk.img")
	formats[format](t, path, l)
	im, err := image.Open(t.Context(), image.Ref(path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { im.Close() })
	return &picture{im, nil}
}

// soak asks for all combinations.
var soak = os.Getenv("FLASHLUA_SOAK") != ""
