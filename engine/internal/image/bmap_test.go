package image

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/flashlua/flashlua/classify"
)

// holes is an image of 10,001 bytes in blocks of 1,000: all but blocks 2, 3 and 7 to 9 are mapped.
func holes() []byte {
	content := make([]byte, 10_001)
	rand.New(rand.NewSource(1)).Read(content)
	clear(content[2000:4000])
	clear(content[7000:10_000])
	return content
}

// mapOf returns the map of holes in a version of the format.
func newHashOf(kind string) func() hash.Hash {
	return digestKinds[digest{kind: strings.ToLower(kind)}.rank()].new
}

func mapOf(version, kind string) string {
	attr, own := "chksum", "BmapFileChecksum"
	var b strings.Builder
	fmt.Fprintf(&b, "<?xml version=\"1.0\" ?>\n<!-- <BlockSize> 1 </BlockSize> -->\n\n<bmap version=\"%s\">\n    <ImageSize> 10001 </ImageSize>\n    <BlockSize> 1000 </BlockSize>\n", version)
	fmt.Fprint(&b, "    <BlocksCount> 11 </BlocksCount>\n    <MappedBlocksCount> 6    </MappedBlocksCount>\n")
	if version == "1.3" {
		attr, own = "sha1", "BmapFileSHA1"
	} else {
		fmt.Fprintf(&b, "    <ChecksumType> %s </ChecksumType>\n", kind)
	}
	fmt.Fprintf(&b, "    <%s>  </%s>\n    <BlockMap>\n", own, own)
	for _, r := range []struct {
		text     string
		off, end int
	}{{" 0-1 ", 0, 2000}, {"4 - 6", 4000, 7000}, {" 10 ", 10_000, 10_001}} {
		h := newHashOf(kind)()
		h.Write(holes()[r.off:r.end])
		fmt.Fprintf(&b, "        <Range %s=\"%x\">%s</Range>\n", attr, h.Sum(nil), r.text)
	}
	return sealed(b.String()+"    </BlockMap>\n</bmap>\n", newHashOf(kind))
}

var ownDigest = regexp.MustCompile(`<BmapFile(?:SHA1|Checksum)>\s?(\w*)`)

// sealed fills in the map's own digest, if it has a place for one.
func sealed(text string, digest func() hash.Hash) string {
	at := ownDigest.FindStringSubmatchIndex(text)
	if at == nil {
		return text
	}
	h := digest()
	zeros := strings.Repeat("0", 2*h.Size())
	io.WriteString(h, text[:at[2]]+zeros+text[at[3]:])
	return text[:at[2]] + hex.EncodeToString(h.Sum(nil)) + text[at[3]:]
}

// checkMap compares a map with its image.
func checkMap(t *testing.T, m *bmap, content []byte) {
	t.Helper()
	rest := bytes.Clone(content)
	if m.size != int64(len(content)) {
		t.Fatalf("size = %d; want %d", m.size, len(content))
	}
	for _, r := range m.ranges {
		h := m.newHash()
		h.Write(content[r.off:r.end])
		if got := hex.EncodeToString(h.Sum(nil)); got != r.sum {
			t.Errorf("digest of bytes %d to %d = %s; want %s", r.off, r.end, got, r.sum)
		}
		clear(rest[r.off:r.end])
	}
	if at := bytes.IndexFunc(rest, func(c rune) bool { return c != 0 }); at >= 0 {
		t.Errorf("byte %d is unmapped; want it mapped", at)
	}
}

func TestBmap(t *testing.T) {
	for _, tt := range [][2]string{{"1.3", "sha1"}, {"1.4", "sha256"}, {"2.0", "sha256"}, {"2.0", "md5"}, {"2.0", "sha1"}, {"2.0", "sha512"}, {"2.0", "sha384"}, {"2.0", "SHA224"}} {
		m, err := readBmap(strings.NewReader(mapOf(tt[0], tt[1])))
		if err != nil {
			t.Errorf("readBmap of %s = %v; want no error", tt, err)
			continue
		}
		checkMap(t, m, holes())
		var got [][2]int64
		for _, r := range m.ranges {
			got = append(got, [2]int64{r.off, r.end})
		}
		if want := [][2]int64{{0, 2000}, {4000, 7000}, {10_000, 10_001}}; m.block != 1000 || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: blocks of %d, ranges %d; want %d", tt, m.block, got, want)
		}
	}
}

func TestBmaptool(t *testing.T) {
	if _, err := exec.LookPath("bmaptool"); err != nil {
		t.Skip("LEFT OUT: bmaptool is not installed")
	}
	r := rand.New(rand.NewSource(1))
	for range 5 {
		path := filepath.Join(t.TempDir(), "disk.img")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		size := 1 + r.Int63n(4<<20)
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
		for range r.Intn(12) {
			off := r.Int63n(size)
			data := make([]byte, min(1+r.Int63n(100_000), size-off))
			r.Read(data)
			if _, err := f.WriteAt(data, off); err != nil {
				t.Fatal(err)
			}
		}
		f.Close()
		cmd := exec.Command("bmaptool", "create", path)
		var complaint strings.Builder
		cmd.Stderr = &complaint
		text, err := cmd.Output()
		if err != nil {
			t.Fatal(err, complaint.String())
		}
		m, err := readBmap(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("readBmap = %v; want no error\n%s", err, text)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		checkMap(t, m, content)
	}
}

// TestBmapEveryBit flips each bit of a map and cuts it at each byte: its own digest covers all of it.
func TestBmapEveryBit(t *testing.T) {
	for _, tt := range [][2]string{{"1.3", "sha1"}, {"1.4", "sha256"}, {"2.0", "md5"}} {
		text := []byte(mapOf(tt[0], tt[1]))
		check := func(what string, at int, text []byte) {
			m, err := readBmap(bytes.NewReader(text))
			f := classify.Facts(err)
			if m != nil || f.Kind != classify.ImageDecode && f.Kind != classify.ImageFormat || f.Class != classify.Fatal || f.Hint == "" {
				t.Errorf("readBmap of %s, %s %d = %v of kind %s, hint %q; want a fatal error with a hint", tt, what, at, err, f.Kind, f.Hint)
			}
		}
		for at := range text {
			for bit := range 8 {
				flipped := bytes.Clone(text)
				flipped[at] ^= 1 << bit
				check(fmt.Sprint("bit ", bit, " of byte"), at, flipped)
			}
			check("cut at byte", at, text[:at])
		}
	}
}

func TestBmapRefused(t *testing.T) {
	const d, f = classify.ImageDecode, classify.ImageFormat
	good := mapOf("2.0", "md5")
	sum := regexp.MustCompile(`chksum="(\w+)"> 0-1`).FindStringSubmatch(good)[1]
	for _, tt := range []struct {
		old, new string
		kind     classify.Kind
		text     string
	}{
		{good, "", d, "the block map is damaged: unexpected EOF"},
		{good, "<html>", d, `the block map is damaged: it has an element "html" where only bmap belongs`},
		{good, "-----BEGIN PGP SIGNED MESSAGE-----\n" + good, f, "the block map is wrapped in a signature"},
		{`"2.0"`, `"1.5"`, f, `the block map is of format version "1.5"; 1.0 to 1.4 and 2.0 are known here`},
		{`"2.0"`, `"3.0"`, f, `the block map is of format version "3.0"; 1.0 to 1.4 and 2.0 are known here`},
		{` version="2.0"`, ` ns:version="2.0"`, f, `the block map is of format version ""; 1.0 to 1.4 and 2.0 are known here`},
		{`"2.0"`, `"1.3"`, d, "the block map is damaged: it has no BmapFileSHA1"},
		{" md5 ", " sha3 ", f, `the block map has digests of the type "sha3"; md5, sha1, sha224, sha256, sha384 and sha512 are known here`},
		{" md5 ", " sha1 ", d, "the block map is damaged: its BmapFileChecksum has 32 digits, not 40"},
		{"<ChecksumType> md5 </ChecksumType>", "", d, "the block map is damaged: it has no ChecksumType"},
		{"BmapFileChecksum", "BmapFileSum", d, "the block map is damaged: it has no BmapFileChecksum"},
		{"<BmapFileChecksum> ", "<BmapFileChecksum>&#32;", d, "the block map is damaged: its BmapFileChecksum has 69 digits, not 32"},
		{"<BlockMap>", "<BmapFileChecksum> 0 </BmapFileChecksum><BlockMap>", d, "the block map is damaged: it has two BmapFileChecksum"},
		{"<BlockMap>", "<BlockMap></BlockMap><BlockMap>", d, "the block map is damaged: it has two BlockMap"},
		{"BlockMap>", "Map>", d, "the block map is damaged: it has no BlockMap"},
		{"ImageSize>", "Size>", d, "the block map is damaged: it has no ImageSize"},
		{" 10001 ", " -1 ", d, `the block map is damaged: its ImageSize is "-1"`},
		{" 10001 ", " 9223372036854775808 ", d, `the block map is damaged: its ImageSize is "9223372036854775808"`},
		{" 10001 ", " 9223372036854775807 ", d, "the block map is damaged: an image of 9223372036854775807 bytes has not 11 blocks of 1000"},
		{" 10001 ", " 10000 ", d, "the block map is damaged: an image of 10000 bytes has not 11 blocks of 1000"},
		{" 10001 ", " 0 ", d, "the block map is damaged: an image of 0 bytes has not 11 blocks of 1000"},
		{" 1000 ", " 0 ", d, "the block map is damaged: an image of 10001 bytes has not 11 blocks of 0"},
		{" 1000 ", " <x/>1000 ", d, `the block map is damaged: its BlockSize is "<x/>1000"`},
		{"Count> 6", "Count> 7", d, "the block map is damaged: its ranges have 6 blocks, and it says 7"},
		{sum, sum[1:], d, `the block map is damaged: the digest of its range 0-1 is "` + sum[1:] + `"`},
		{sum, "ab" + sum, d, `the block map is damaged: the digest of its range 0-1 is "ab` + sum[:30] + `"`},
		{sum, strings.Repeat("g", 32), d, `the block map is damaged: the digest of its range 0-1 is "` + strings.Repeat("g", 32) + `"`},
		{sum, strings.Repeat("A", 32), d, `the block map is damaged: the digest of its range 0-1 is "` + strings.Repeat("A", 32) + `"`},
		{"4 - 6", "6-4", d, "the block map is damaged: its range 6-4 ends before it begins"},
		{"4 - 6", "1-6", d, "the block map is damaged: its range 1-6 begins before block 2, where the one before it ends"},
		{" 0-1 ", " 7-8 ", d, "the block map is damaged: its range 4-6 begins before block 9, where the one before it ends"},
		{" 10 ", " 11 ", d, "the block map is damaged: its range 11-11 ends past the last of 11 blocks"},
		{" 10 ", " 10-9223372036854775807 ", d, "the block map is damaged: its range 10-9223372036854775807 ends past the last of 11 blocks"},
		{" 10 ", "", d, `the block map is damaged: its range "" is none`},
		{" 10 ", "1-2-3", d, `the block map is damaged: its range "1-2-3" is none`},
		{" 10 ", "+10", d, `the block map is damaged: its range "+10" is none`},
		{" 10 ", "&#49;0", d, `the block map is damaged: its range "&#49;0" is none`},
		{" 10 ", "&ten;", d, "the block map is damaged: XML syntax error on line 14: invalid character entity &ten;"},
		{"<bmap ", "<!DOCTYPE bmap [<!ENTITY ten \"10\">]>\n<bmap ", d, "the block map is damaged: it defines what no block map does"},
		{"</bmap>\n", "</bmap>\n<bmap version=\"2.0\"/>\n", d, `the block map is damaged: it has an element "bmap" where only bmap belongs`},
		{"</bmap>\n", "</bmap>\n0", d, "the block map is damaged: there is something else around it"},
		{"</bmap>\n", "", d, "the block map is damaged: XML syntax error on line 16: unexpected EOF"},
		{"<BlockMap>", strings.Repeat("<x>", 1_000_000), d, "the block map is damaged: its elements are nested too deep"},
		{"<BlockMap>", "<x " + strings.Repeat(`a="" `, 1_000_000) + "/><BlockMap>", d, "the block map is damaged: a part of it is too long"},
	} {
		text := sealed(strings.ReplaceAll(good, tt.old, tt.new), newHashOf("md5"))
		m, err := readBmap(strings.NewReader(text))
		facts := classify.Facts(err)
		if m != nil || err == nil || err.Error() != tt.text || facts.Kind != tt.kind || facts.Class != classify.Fatal || facts.Hint == "" {
			t.Errorf("%.40q for %.40q: %v of kind %s, hint %q\n\twant %s", tt.new, tt.old, err, facts.Kind, facts.Hint, tt.text)
		}
	}
	_, err := readBmap(strings.NewReader(strings.Replace(good, "</bmap>", "</bmap> ", 1)))
	if err == nil || !regexp.MustCompile(`^the block map is damaged: its digest is \w{32}, and it says "\w{32}"$`).MatchString(err.Error()) {
		t.Errorf("readBmap of a byte too many = %v; want an error", err)
	}
	if _, err := readBmap(strings.NewReader(good + strings.Repeat(" ", maxBmap))); err == nil || err.Error() != "the block map has more than 64 MiB" {
		t.Errorf("readBmap of a large file = %v; want an error", err)
	}
	if _, err := readBmap(iotest.ErrReader(errors.New("gone"))); classify.Facts(err).Kind != classify.ImageRead {
		t.Errorf("readBmap from a failing disk = %v; want an error", err)
	}
}

// TestBmapAccepted holds what else a map may contain, and its limits.
func TestBmapAccepted(t *testing.T) {
	good := mapOf("2.0", "md5")
	want, err := readBmap(strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range [][2]string{
		{"<BlockMap>", `<Author mail="a">one<ImageSize>7</ImageSize></Author><BlockMap at="x"><Spare/>`},
		{"<BlockMap>", `<x:ImageSize xmlns:x="any">7</x:ImageSize><BlockMap>`},
		{"\n", "\r\n"},
		{"<Range ", `<Range sha1="0" `},
		{"<Range ", "\n<!-- a word -->\n<Range \n"},
		{`"1.0" ?>`, `"1.0" encoding="UTF-8"?>`},
		{" 0-1 ", " 00-01 "},
	} {
		m, err := readBmap(strings.NewReader(sealed(strings.ReplaceAll(good, tt[0], tt[1]), newHashOf("md5"))))
		if err != nil || !reflect.DeepEqual(m.ranges, want.ranges) || m.size != want.size {
			t.Errorf("%q for %q: %v, %v; want %v", tt[1], tt[0], m, err, want)
		}
	}
	hole := regexp.MustCompile(`<Range.*`).ReplaceAllString(strings.Replace(good, "Count> 6", "Count> 0", 1), "")
	if m, err := readBmap(strings.NewReader(sealed(hole, newHashOf("md5")))); err != nil || len(m.ranges) != 0 {
		t.Errorf("readBmap of one hole = %v, %v; want no ranges", m, err)
	}
	huge := strings.NewReplacer(" 10001 ", " 9223372036854775807 ", " 1000 ", " 4611686018427387904 ", " 11 ", " 2 ", "Count> 6", "Count> 2").Replace(good)
	huge = regexp.MustCompile(`<Range.*>(4 - 6| 10 )<.*`).ReplaceAllString(huge, "")
	m, err := readBmap(strings.NewReader(sealed(huge, newHashOf("md5"))))
	if err != nil || m.ranges[0].end != 9223372036854775807 {
		t.Errorf("readBmap of the largest sizes = %v, %v; want no error", m, err)
	}
}

// FuzzBmap reads any text, as it is and with its own digest made right: what is read holds together.
func FuzzBmap(f *testing.F) {
	for _, tt := range [][2]string{{"1.3", "sha1"}, {"1.4", "sha256"}, {"2.0", "sha512"}, {"2.0", "md5"}} {
		f.Add(mapOf(tt[0], tt[1]), tt[1])
	}
	f.Fuzz(func(t *testing.T, text, kind string) {
		digest := newHashOf(kind)
		if digest == nil {
			digest = newHashOf("md5")
		}
		for _, text := range []string{text, sealed(text, digest)} {
			m, err := readBmap(strings.NewReader(text))
			again, err2 := readBmap(iotest.OneByteReader(strings.NewReader(text)))
			if fmt.Sprint(err) != fmt.Sprint(err2) || (err == nil) != (m != nil) {
				t.Fatalf("readBmap = %v, %v, then %v; want one or the other, twice the same", m, err, err2)
			}
			if err != nil {
				if facts := classify.Facts(err); facts.Class != classify.Fatal || facts.Hint == "" {
					t.Fatalf("readBmap = %v, %v, hint %q; want a fatal error with a hint", err, facts.Class, facts.Hint)
				}
				continue
			}
			if !reflect.DeepEqual(m.ranges, again.ranges) || m.size != again.size || m.block != again.block {
				t.Fatalf("readBmap = %v, then %v; want the same", m, again)
			}
			next := int64(0)
			for _, r := range m.ranges {
				if r.off < next || r.end <= r.off || r.end > m.size || r.off%m.block != 0 || r.end%m.block != 0 && r.end != m.size || len(r.sum) != 2*m.newHash().Size() {
					t.Fatalf("range %v after byte %d of %d, blocks of %d; want sorted ranges of the image", r, next, m.size, m.block)
				}
				next = r.end
			}
		}
	})
}
