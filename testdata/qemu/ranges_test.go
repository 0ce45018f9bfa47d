package qemu

import (
	"bytes"
	"encoding/binary"
	"math/rand"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/enginetest"
)

// pattern is an image of stretches of data, of zeros and of holes, whose content does not matter.
type pattern struct {
	raw  []byte
	kind []byte // of each unit of raw: data, zero or hole
}

const (
	unit = 4100 // bytes; a sparse image may have blocks of it, and nothing else here does

	long, most, all = 2100, 50, 7500 // units: a stretch that is worth larger blocks, any other one, the image

	data, zero, hole = 'd', 'z', '-'
)

// newPattern makes a pattern: one stretch of each kind that is long enough for larger blocks, and many that are
// not.
func newPattern(seed int64) *pattern {
	r := rand.New(rand.NewSource(seed))
	p := &pattern{}
	for i := 0; len(p.kind) < all || i%3 != 1; i++ { // it ends with data
		n := long
		if i >= 3 {
			n = 1 + r.Intn(most)
		}
		content, kind := make([]byte, n*unit), []byte{data, zero, hole}[i%3]
		if kind == data {
			r.Read(content)
		}
		p.raw, p.kind = append(p.raw, content...), append(p.kind, bytes.Repeat([]byte{kind}, n)...)
	}
	return p
}

// change changes some bytes, one of them a zero. They lie where the probe does not read, after the beginnings of
// ranges: the probe decides whether comparing pays.
func (p *pattern) change() {
	for _, at := range []int{1 << 20, 5 << 20, (long + enginetest.BlockSize/unit + 1) * unit, len(p.raw) - 1} {
		p.raw[at] ^= 1
		p.kind[at/unit] = data
	}
}

// stretches calls f for what is adjacent of one kind, in units.
func (p *pattern) stretches(f func(kind byte, from, to int)) {
	for from := 0; from < len(p.kind); {
		to := from
		for to < len(p.kind) && p.kind[to] == p.kind[from] {
			to++
		}
		f(p.kind[from], from, to)
		from = to
	}
}

// file writes the pattern as a raw file with holes.
func (p *pattern) file(r *rig) string {
	path := r.write("p.raw", "")
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	f.Truncate(int64(len(p.raw)))
	p.stretches(func(kind byte, from, to int) {
		if kind != hole {
			if _, err := f.WriteAt(p.raw[from*unit:to*unit], int64(from*unit)); err != nil {
				r.t.Fatal(err)
			}
		}
	})
	return path
}

// sparse writes the pattern as an Android sparse image.
func (p *pattern) sparse(r *rig) string {
	var chunks bytes.Buffer
	n := uint32(0)
	p.stretches(func(kind byte, from, to int) {
		content, id := p.raw[from*unit:to*unit], uint16(0xcac1)
		switch kind {
		case zero:
			content, id = make([]byte, 4), 0xcac2
		case hole:
			content, id = nil, 0xcac3
		}
		n++
		binary.Write(&chunks, binary.LittleEndian, []uint16{id, 0})
		binary.Write(&chunks, binary.LittleEndian, []uint32{uint32(to - from), uint32(12 + len(content))})
		chunks.Write(content)
	})
	var head bytes.Buffer
	binary.Write(&head, binary.LittleEndian, uint32(0xed26ff3a))
	binary.Write(&head, binary.LittleEndian, []uint16{1, 0, 28, 12})
	binary.Write(&head, binary.LittleEndian, []uint32{unit, uint32(len(p.kind)), n, 0})
	return r.write("p.simg", head.String()+chunks.String())
}

// fill fills the medium with ones, like erased flash memory.
func (r *rig) fill() {
	r.t.Helper()
	st, err := os.Stat(r.Disk)
	if err != nil {
		r.t.Fatal(err)
	}
	f, err := os.OpenFile(r.Disk, os.O_WRONLY, 0) // the same file: QEMU has it open
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	ones := bytes.Repeat([]byte{0xff}, 1<<20)
	for range st.Size() / int64(len(ones)) {
		if _, err := f.Write(ones); err != nil {
			r.t.Fatal(err)
		}
	}
}

// holds checks that a medium that was filled with ones holds a pattern, and nothing else changed.
func (r *rig) holds(p *pattern, holes bool) {
	r.t.Helper()
	disk, err := os.ReadFile(r.Disk)
	if err != nil {
		r.t.Fatal(err)
	}
	left := 0
	p.stretches(func(kind byte, from, to int) {
		got, want := disk[from*unit:to*unit], p.raw[from*unit:to*unit]
		ones := bytes.Count(got, []byte{0xff})
		switch {
		case kind == hole && holes: // zeros are written there if that costs less than a gap
			left += ones
			if ones+bytes.Count(got, []byte{0}) != len(got) {
				r.t.Errorf("units %d to %d, which do not matter, are changed; want zeros or what was there", from, to)
			}
		case !bytes.Equal(got, want):
			r.t.Errorf("units %d to %d of kind %c differ from the image; want the same", from, to, kind)
		}
	})
	if holes && left == 0 {
		r.t.Error("all of what does not matter was written; want some left")
	}
	end := (len(p.raw) + 511) / 512 * 512
	if pad := disk[len(p.raw):end]; bytes.Count(pad, []byte{0}) != len(pad) {
		r.t.Errorf("the last sector is padded with %x; want zeros", pad)
	}
	if bytes.Count(disk[end:], []byte{0xff}) != len(disk)-end {
		r.t.Error("bytes after the image were written; want none")
	}
}

// TestEveryRange flashes an image with data, zeros and holes, and then one that differs in some bytes: the medium
// holds it wherever it matters, and nothing else changed.
func TestEveryRange(t *testing.T) {
	tool := func(r *rig, name string, args ...string) {
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			r.t.Skipf("LEFT OUT: %v\n%s", err, out)
		}
	}
	for i, tt := range []struct {
		name  string
		pack  func(r *rig, p *pattern) string
		holes bool
	}{
		{"xz of many blocks", func(r *rig, p *pattern) string {
			path := p.file(r)
			tool(r, "xz", "-0", "-f", "-k", "-T2", "--block-size=4MiB", path)
			return path + ".xz"
		}, false},
		{"sparse", func(r *rig, p *pattern) string { return p.sparse(r) }, true},
		{"raw with a block map", func(r *rig, p *pattern) string {
			path := p.file(r)
			tool(r, "bmaptool", "create", "-o", path+".bmap", path)
			return path
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := inLinux(t, 1)
			r.fill()
			p := newPattern(int64(i))
			for _, again := range []bool{false, true} {
				if again {
					p.change()
				}
				code, out, v := r.flash(r.fromShell(), "--image", tt.pack(r, p))
				if code != 0 || v.Result != engine.ResultVerified || len(failures(v.Attempts)) > 0 || v.Image.Size != int64(len(p.raw)) || v.Target.Rewritten != 0 {
					t.Errorf("flashlua = exit %d, verdict %+v; want 0, verified, nothing rewritten\n%s", code, v, out)
				}
				if strings.Contains(out, "were right already") != again {
					t.Errorf("flashed again = %t; want blocks that were right already only then\n%s", again, out)
				}
				r.holds(p, tt.holes)
			}
		})
	}
}
