package image

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/pierrec/lz4/v4"

	"github.com/flashlua/flashlua/classify"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "17": 17, "20G": 20 << 30, "3K": 3 << 10, "1M": 1 << 20, "2T": 2 << 40, "8388607T": 8388607 << 40,
		"": -1, "G": -1, "-1": -1, "-1K": -1, "1.5G": -1, "1g": -1, "8388608T": -1, "9223372036854775808": -1, "20 G": -1,
	} {
		got, ok := ParseSize(text)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("ParseSize(%q) = %d; want %d", text, got, want)
		}
	}
}

// sized returns files of every format, and of nested ones, that decode to content, with their declared sizes.
func sized(t testing.TB, content []byte) map[string]struct {
	file     []byte
	declared bool
} {
	var frame bytes.Buffer
	z := lz4.NewWriter(&frame)
	if err := z.Apply(lz4.SizeOption(uint64(len(content)))); err != nil {
		t.Fatal(err)
	}
	z.Write(content)
	z.Close()
	le := binary.LittleEndian
	simg := []byte(sparseHead(4096, uint32(len(content)/4096), 1, chunkRaw, uint32(len(content)/4096), uint32(chunkHeader+len(content))))
	simg = append(simg, content...)
	skip := append(le.AppendUint32([]byte("\x5a\x2a\x4d\x18"), 4), "skip"...) // before a frame of zstd
	zst := pack(t, []string{"zstd", "-q", "-c", "-1", "--stream-size=" + fmt.Sprint(len(content))}, content)
	return map[string]struct {
		file     []byte
		declared bool
	}{
		"raw":               {content, true},
		"gzip":              {pack(t, packers["gz"], content), false},
		"bzip2":             {pack(t, packers["bz2"], content), false},
		"xz of one block":   {pack(t, []string{"xz", "-c", "-0"}, content), true},
		"xz of blocks":      {pack(t, []string{"xz", "-c", "-0", "--block-size=1MiB"}, content), true},
		"zstd":              {zst, true},
		"zstd, no size":     {pack(t, packers["zst"], content), false},
		"zstd after a skip": {append(skip, zst...), false},
		"lz4":               {frame.Bytes(), true},
		"sparse":            {simg, true},
		"sparse in gzip":    {pack(t, packers["gz"], simg), true},
		"zstd in xz":        {pack(t, packers["xz"], zst), true},
		"xz in gzip":        {pack(t, packers["gz"], pack(t, packers["xz"], content)), false},
		"bzip2 in lz4":      {pack(t, []string{"lz4", "-c"}, pack(t, packers["bz2"], content)), false},
	}
}

// refused checks that an image is refused for its size, with a text and a hint, and that no file is left.
func refused(t *testing.T, what string, st Stager, from, text, hint string) {
	t.Helper()
	_, err := st.Open(t.Context(), Ref(from))
	f := classify.Facts(err)
	if f.Kind != classify.ImageTooLarge || f.Class != classify.Fatal || !strings.Contains(fmt.Sprint(err), text) || !strings.Contains(f.Hint, hint) {
		t.Errorf("%s: %v of kind %s, hint %q; want %s: …%s…, hint …%s…", what, err, f.Kind, f.Hint, classify.ImageTooLarge, text, hint)
	}
	if st.Cache != nil {
		if images, others := inCache(t, st.Cache); len(images)+len(others) > 0 {
			t.Errorf("%s: files left in the cache = %v, %v; want none", what, images, others)
		}
	}
}

// TestMaxSize refuses an image as soon as its size is known, or exceeded where it is not.
func TestMaxSize(t *testing.T) {
	const size = 3 << 20
	content := content(1, size)[:size]
	for what, c := range sized(t, content) {
		path := write(t, "x", string(c.file))
		im, err := Stager{MaxSize: size}.Open(t.Context(), Ref(path))
		if err != nil || im.Size() != size {
			t.Fatalf("Open of %s of MaxSize = %v; want no error", what, err)
		}
		im.Close()
		text := " or more when unpacked, at most 3145727 are allowed"
		switch {
		case what == "raw":
			text = path + " has 3145728 bytes, at most 3145727 are allowed"
		case c.declared:
			text = "has 3145728 bytes" + text
		}
		st := Stager{MaxSize: size - 1, Cache: &Cache{Dir: t.TempDir(), Limit: 1 << 40}}
		refused(t, what, st, path, text, "--max-size")
		st.Stdin = bytes.NewReader(c.file)
		refused(t, what+" of the standard input", st, Stdin, "at most 3145727 are allowed", "--max-size")
	}
}

// TestMaxSizeOfWhatIsKept refuses a cached image that is too large.
func TestMaxSizeOfWhatIsKept(t *testing.T) {
	content := content(1, 1<<20)
	path, c := gzipped(t, content), &Cache{Dir: t.TempDir(), Limit: 1 << 40}
	staged(t, c, path, content)
	_, err := Stager{Cache: c, MaxSize: int64(len(content)) - 1}.Open(t.Context(), Ref(path))
	if want := fmt.Sprintf("the image %s has %d bytes, at most %d are allowed", path, len(content), len(content)-1); fmt.Sprint(err) != want || classify.Facts(err).Kind != classify.ImageTooLarge {
		t.Errorf("Open = %v; want %s", err, want)
	}
	if _, notes := staged(t, c, path, content); notes != reused {
		t.Errorf("notes = %s; want the cached image", notes)
	}
}

// TestMaxSizeOfADownload reads nothing from a server that announces too much, and stops reading from one that
// announces nothing.
func TestMaxSizeOfADownload(t *testing.T) {
	endless := func(s *site, w http.ResponseWriter, _ *http.Request) {
		for n := 0; n < 64; n++ {
			if _, err := w.Write(s.content); err != nil {
				return
			}
		}
	}
	over := raw(func(s *site) string {
		return "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/10\r\nConnection: close\r\n\r\n"
	})
	for what, tt := range map[string]struct {
		way      way
		sum      string
		text     string
		maxBytes int64 // that may be received
	}{
		"a length":  {whole, "", "has 3145728 bytes, at most 1048576 are allowed", 0},
		"no length": {endless, strings.Repeat("ab", 32), " or more, at most 1048576 are allowed", 4 << 20},
	} {
		s := newSite(t, tt.way, over)
		s.Start()
		st := s.fetcher()
		st.MaxSize, st.Digest, st.Cache = 1<<20, tt.sum, &Cache{Dir: t.TempDir(), Limit: 1 << 40}
		refused(t, what, st, s.URL+"/x.raw", tt.text, "--max-size")
		if n := len(s.done); len(s.asked) != 1 || n > 0 && s.done[n-2] > tt.maxBytes {
			t.Errorf("%s: requests %q, progress %d; want one request, cut short", what, s.asked, s.done)
		}
	}
}

// TestMoreThanAnnounced ignores bytes after the announced end of an image.
func TestMoreThanAnnounced(t *testing.T) {
	const got = 1<<20 + 17
	s := newSite(t, part(got, "ETag", `"v1"`), raw(func(s *site) string {
		return fmt.Sprintf("HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes %d-%d/%d\r\nConnection: close\r\n\r\n", got, len(s.content)-1, len(s.content)) + string(s.content[got:]) + "more"
	}), whole)
	s.Start()
	im, err := s.fetcher().Open(t.Context(), Ref(s.URL+"/x.raw"))
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if notes := strings.Join(s.notes, "\n"); !strings.Contains(notes, "the server sent more than the 3145728 bytes that it announced") || im.Size() != int64(len(s.content)) {
		t.Errorf("Open = %d bytes, notes %s; want the image after a retry", im.Size(), notes)
	}
}

// TestHalfOfTheDisk permits an image half of the free bytes, counting those of earlier entries as free.
func TestHalfOfTheDisk(t *testing.T) {
	const size = 3 << 20
	content := content(1, size)[:size]
	const free, less = 2 * (size + 1<<20), 2*size - 1 // what is between two formats may have a little more
	reports := func(free, all int64) func(*os.File) (int64, int64, bool) {
		return func(*os.File) (int64, int64, bool) { return free, all, true }
	}
	for what, c := range sized(t, content) {
		path := write(t, "x", string(c.file))
		for _, st := range []Stager{{space: reports(free, 1<<40)}, {space: noneTells}} {
			im, err := st.Open(t.Context(), Ref(path))
			if err != nil {
				t.Fatalf("Open of %s = %v; want no error", what, err)
			}
			im.Close()
		}
		st := Stager{Cache: &Cache{Dir: t.TempDir(), Limit: 1 << 40}, space: reports(less, 1<<40)}
		text := fmt.Sprintf(" bytes or more when unpacked, half of the free room in %s is 3145727", st.Cache.Dir)
		if c.declared {
			text = "has 3145728" + text
		}
		if what == "raw" {
			if im, err := st.Open(t.Context(), Ref(path)); err != nil { // it stays where it is
				t.Errorf("Open of %s = %v; want no error", what, err)
			} else {
				im.Close()
			}
			st.Stdin = bytes.NewReader(content)
			refused(t, what, st, Stdin, "the image of the standard input has ", CacheVariable)
			continue
		}
		refused(t, what, st, path, text, "set FLASHLUA_CACHE to a folder on a larger disk")
	}
	st := Stager{space: reports(less, 1<<40)}
	refused(t, "no cache", st, gzipped(t, content), "half of the free room in "+os.TempDir()+" is 3145727", "set TMPDIR to a folder on a larger disk")
	s := newSite(t, whole)
	s.Start()
	st = s.fetcher()
	st.space = reports(less, 1<<40)
	refused(t, "a download", st, s.URL+"/x.raw", "has 3145728 bytes, half of the free room in", "TMPDIR")
}

// TestHalfOfARealDisk stages images on a disk of 8 MiB.
func TestHalfOfARealDisk(t *testing.T) {
	c := small(t)
	zeros := make([]byte, 5<<20)
	refused(t, "zeros", Stager{Cache: c}, write(t, "x.gz", string(pack(t, packers["gz"], zeros))), "half of the free room in "+c.Dir+" is ", CacheVariable)
	old, larger := content(2, 4<<20)[:3<<20], content(3, 4<<20)[:7<<19]
	staged(t, c, gzipped(t, old), old)
	staged(t, c, gzipped(t, larger), larger) // 3.5 MiB: the old one goes
	if images, _ := inCache(t, c); len(images) != 1 {
		t.Errorf("%d images are kept; want 1", len(images))
	}
	// What could not fit on an empty disk costs no entry.
	if _, err := (Stager{Cache: c}).Open(t.Context(), Ref(write(t, "huge.simg", sparseHead(1<<20, 1<<20, 1, chunkSkip, 1<<20, 12)))); classify.Facts(err).Kind != classify.ImageTooLarge {
		t.Errorf("Open of 1 TiB = %v; want image.too_large", err)
	}
	if images, _ := inCache(t, c); len(images) != 1 {
		t.Errorf("%d images are kept; want 1", len(images))
	}
}

// TestLayersWithoutContent counts the bytes between two formats, even if they decode to nothing.
func TestLayersWithoutContent(t *testing.T) {
	le := binary.LittleEndian
	crc := le.AppendUint32(le.AppendUint32([]byte("\xc4\xca\x00\x00\x00\x00\x00\x00"), 16), 0)
	simg := []byte(sparseHead(4096, 0, 1<<20, 0, 0, 0))[:sparseHeader]
	simg = append(simg, bytes.Repeat(crc, 1<<20)...) // 16 MiB of checksums of nothing
	skip := append(le.AppendUint32([]byte("\x50\x2a\x4d\x18"), 1<<20), make([]byte, 1<<20)...)
	for what, file := range map[string][]byte{
		"checksums in gzip":     pack(t, packers["gz"], simg),
		"skipped frames in xz":  pack(t, packers["xz"], bytes.Repeat(skip, 16)),
		"empty members in zstd": pack(t, packers["zst"], bytes.Repeat(pack(t, packers["gz"], nil), 200_000)),
	} {
		refused(t, what, Stager{MaxSize: 1 << 20}, write(t, "x", string(file)), " or more when unpacked, at most 1048576 are allowed", "--max-size")
	}
}

// TestDeclaredSizesThatLie ignores declared sizes that overflow, and detects wrong ones.
func TestDeclaredSizesThatLie(t *testing.T) {
	le := binary.LittleEndian
	window := byte(0xa0) // of 1 GiB
	for what, tt := range map[string]struct {
		file     string
		declared int64
		want     classify.Kind
	}{
		"zstd of 16 EiB":          {string(le.AppendUint64([]byte("\x28\xb5\x2f\xfd\xe0"), math.MaxUint64)) + "\x01\x00\x00", 0, classify.ImageDecode},
		"zstd of 8 EiB":           {string(le.AppendUint64([]byte("\x28\xb5\x2f\xfd\xe0"), math.MaxInt64)) + "\x01\x00\x00", math.MaxInt64, classify.ImageTooLarge},
		"zstd, a window of 2 GiB": {"\x28\xb5\x2f\xfd\x00" + string([]byte{window + 8}) + "\x01\x00\x00", 0, classify.ImageFormat},
		"lz4 of 16 EiB":           {string(le.AppendUint64([]byte("\x04\x22\x4d\x18\x68\x40"), math.MaxUint64)) + "\x00\x00\x00\x00\x00", 0, classify.ImageDecode},
		"lz4 of 8 EiB":            {string(le.AppendUint64([]byte("\x04\x22\x4d\x18\x68\x40"), math.MaxInt64)) + "\x5c\x00\x00\x00\x00", math.MaxInt64, classify.ImageTooLarge},
	} {
		packed := formatBy([]byte(tt.file))
		if got := packed.declares(strings.NewReader(tt.file), int64(len(tt.file))); got != tt.declared {
			t.Errorf("%s: declared %d; want %d", what, got, tt.declared)
		}
		if _, err := Open(t.Context(), Ref(write(t, "x", tt.file))); classify.Facts(err).Kind != tt.want {
			t.Errorf("%s: Open = %v of kind %s; want %s", what, err, classify.Facts(err).Kind, tt.want)
		}
	}
	flags := [2]byte{0, 1}
	list := []block{{unpadded: 20, unpacked: math.MaxInt64, flags: flags}, {unpadded: 20, unpacked: math.MaxInt64, flags: flags}}
	file := append(streamHeader(1), make([]byte, 40)...)
	file = append(file, ending(list, flags)...)
	if got := declaredXZ(bytes.NewReader(file), int64(len(file))); got != 0 {
		t.Errorf("an index of twice the largest number: declared %d; want 0", got)
	}
	if got := declaredXZ(bytes.NewReader(file[:50]), 50); got != 0 {
		t.Errorf("no index: declared %d; want 0", got)
	}
	file = append(append(streamHeader(1), make([]byte, 40)...), ending(append(list[:1], block{unpadded: 20, flags: flags}), flags)...)
	if got := declaredXZ(bytes.NewReader(file), int64(len(file))); got != math.MaxInt64 {
		t.Errorf("declaredXZ of an index of the largest number = %d; want math.MaxInt64", got)
	}
}

// TestMeteredTellsOnce returns the error with the bytes that are too many, not at the next read.
func TestMeteredTellsOnce(t *testing.T) {
	st := openerOf(t, Stager{MaxSize: 10})
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := &metered{r: strings.NewReader("0123456789a"), check: st.bounds.room(f, "x", "").check}
	if got, err := io.ReadAll(m); len(got) != 11 || classify.Facts(err).Kind != classify.ImageTooLarge {
		t.Errorf("ReadAll = %q, %v; want the bytes so far and image.too_large", got, err)
	}
}
