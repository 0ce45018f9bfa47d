package image

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// layout is an image of parts that a fuzzer chooses, each of a kind and a length.
type layout struct {
	content []byte
	cares   []bool // of each byte
	skips   []skip
}

// layoutOf returns parts of up to 2 MB that are no multiple of any block.
func layoutOf(text []byte) (l layout) {
	r := rand.NewChaCha8([32]byte{1})
	for _, b := range text[:min(len(text), 24)] {
		n := 1 + int(b>>2)*33_333
		part, cares := make([]byte, n), true
		switch b & 3 {
		case 0:
			r.Read(part)
		case 1:
			part[n/2] = 1
		case 2:
			cares = false
			l.skips = append(l.skips, skip{int64(len(l.content)), int64(len(l.content) + n)})
		}
		l.content = append(l.content, part...)
		for range part {
			l.cares = append(l.cares, cares)
		}
	}
	for i := 1; i < len(l.skips); i++ { // what touches is one
		if l.skips[i-1].End == l.skips[i].Off {
			l.skips[i].Off = l.skips[i-1].Off
			l.skips = append(l.skips[:i-1], l.skips[i:]...)
			i--
		}
	}
	return l
}

// kinds returns the kind of each block, from each of its bytes.
func (l layout) kinds() (kinds []Kind) {
	for from := 0; from < len(l.content); from += BlockSize {
		kind := Kind(0)
		for at := from; at < min(from+BlockSize, len(l.content)); at++ {
			if l.cares[at] && kind == 0 {
				kind = Zero
			}
			if l.content[at] != 0 {
				kind = Data
				break
			}
		}
		kinds = append(kinds, kind)
	}
	return kinds
}

// check compares ranges with a layout.
func (l layout) check(t *testing.T, ranges []Range) {
	t.Helper()
	kinds, got := l.kinds(), make([]Kind, (len(l.content)+BlockSize-1)/BlockSize)
	end := int64(0)
	for _, r := range ranges {
		if r.Off < end || r.Len <= 0 || r.Off+r.Len > int64(len(l.content)) || r.Off%BlockSize != 0 || r.Off/MaxRange != (r.Off+r.Len-1)/MaxRange || r.Kind != Data && r.Kind != Zero {
			t.Fatalf("range of kind %d at %d, %d bytes, after byte %d of %d; want sorted ranges of the image", r.Kind, r.Off, r.Len, end, len(l.content))
		}
		end = r.Off + r.Len
		if end%BlockSize != 0 && (end != int64(len(l.content)) || r.Off < end/BlockSize*BlockSize) {
			t.Fatalf("range from %d to %d; want whole blocks", r.Off, end)
		}
		if r.Kind == Data && r.sum != sha256.Sum256(l.content[r.Off:end]) {
			t.Errorf("the range at %d has another digest; want that of its content", r.Off)
		}
		for i := r.Off / BlockSize; i*BlockSize < end; i++ {
			got[i] = r.Kind
		}
	}
	for i, kind := range kinds {
		switch {
		case kind == got[i]:
		case kind == 0 && got[i] != 0, kind == Zero && got[i] == Data: // is it in a gap that does not pay?
			from, to := i, i
			piece := i / (MaxRange / BlockSize) * (MaxRange / BlockSize)
			for within := func(j int) bool {
				return j >= piece && j < min(piece+MaxRange/BlockSize, len(kinds)) && (kinds[j] == 0 || kinds[j] > got[i])
			}; within(from) || within(to); {
				if within(from) {
					from--
				}
				if within(to) {
					to++
				}
			}
			if from < piece || to >= min(piece+MaxRange/BlockSize, len(kinds)) || (to-from-1)*BlockSize >= minGap {
				t.Errorf("block %d of kind %d is in a range of kind %d; want the same kind", i, kind, got[i])
			}
		default:
			t.Errorf("block %d of kind %d is in a range of kind %d; want the same kind", i, kind, got[i])
		}
	}
}

// checkRanges scans a layout as the output of a decoder, and as a file with holes.
func checkRanges(t *testing.T, text []byte) {
	l := layoutOf(text)
	if len(l.content) == 0 {
		return
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(l.content))
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	sc := newScanner(func(int) {})
	sc.out = bounds{}.scratchFile(out)
	sc.include = func(off, n int64) bool { return !covered(l.skips, off, n) }
	for rest, n := l.content, 1; len(rest) > 0; n = 2*n + 1 { // pieces of any size
		m, err := sc.ReadFrom(bytes.NewReader(rest[:min(n, len(rest))]))
		if err != nil {
			t.Fatal(err)
		}
		rest = rest[m:]
	}
	got, err := sc.finish()
	if staged, rerr := os.ReadFile(out.Name()); err != nil || rerr != nil || got != sum || !bytes.Equal(staged, l.content) {
		t.Errorf("digest %s, %v, %v; want %s", got, err, rerr, sum)
	}
	l.check(t, sc.ranges)

	im, err := Stager{Format: FormatRaw}.Open(t.Context(), Ref(out.Name()))
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if im.SHA256() != sum {
		t.Errorf("SHA256 = %s; want %s", im.SHA256(), sum)
	}
	all := l
	all.cares = each(len(l.content))
	all.check(t, im.Ranges())
}

func each(n int) []bool {
	all := make([]bool, n)
	for i := range all {
		all[i] = true
	}
	return all
}

// FuzzRanges: ranges are in order and apart, in the image, and what matters, all of it, and nothing else but short
// gaps.
func FuzzRanges(f *testing.F) {
	for _, text := range []string{"\x00", "\x02", "\x03", "\x00\xfe\x00", "\x00\xff\x00", "\xfe\x01\xfe", "\x03\x1a\x03\x1a\x01\x06\x00", "\xfc\xfd\xfe\xff\xfc\xfd\xfe\xff", "\xfe\xfe\xfe\x00\xff"} {
		f.Add([]byte(text))
	}
	r := rand.NewChaCha8([32]byte{2})
	for range 12 {
		text := make([]byte, 12)
		r.Read(text)
		f.Add(text)
	}
	f.Fuzz(checkRanges)
}
