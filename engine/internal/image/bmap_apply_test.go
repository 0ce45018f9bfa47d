package image

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/input"
)

// mapBlock is the block size of the maps; BlockSize is no multiple of it.
const mapBlock = 3000

// mapOfBlocks returns the map of an image of which the given ranges of blocks are mapped.
func mapOfBlocks(content []byte, ranges ...[2]int) string {
	var list strings.Builder
	count := 0
	for _, r := range ranges {
		fmt.Fprintf(&list, "<Range chksum=\"%x\"> %d-%d </Range>\n", sha256.Sum256(content[r[0]*mapBlock:min((r[1]+1)*mapBlock, len(content))]), r[0], r[1])
		count += r[1] + 1 - r[0]
	}
	return sealed(fmt.Sprintf("<bmap version=\"2.0\"><ImageSize>%d</ImageSize><BlockSize>%d</BlockSize><BlocksCount>%d</BlocksCount><MappedBlocksCount>%d</MappedBlocksCount>"+
		"<ChecksumType>sha256</ChecksumType><BmapFileChecksum> </BmapFileChecksum><BlockMap>%s</BlockMap></bmap>\n", len(content), mapBlock, (len(content)+mapBlock-1)/mapBlock, count, &list), sha256.New)
}

// beside writes an image and other files into one folder.
func beside(t *testing.T, name string, content []byte, others map[string]string) string {
	dir := t.TempDir()
	for n, text := range others {
		if err := os.WriteFile(filepath.Join(dir, n), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// silentFIFO makes a FIFO whose writer never writes.
func silentFIFO(t *testing.T, path string) {
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
}

func TestMapBesideAnImage(t *testing.T) {
	image := make([]byte, 20<<20+1)
	rand.NewChaCha8([32]byte{1}).Read(image)
	last := (len(image) - 1) / mapBlock
	sum := fmt.Sprintf("%x", sha256.Sum256(image))
	good := mapOfBlocks(image, [2]int{0, 1}, [2]int{3000, 3500}, [2]int{last, last})
	foreign := bytes.Clone(image)
	foreign[4000] ^= 1
	for name, tt := range map[string]struct {
		name   string
		others map[string]string
		kind   classify.Kind
		text   string
		ranges bool // by the map
	}{
		"its own":          {"disk.img", map[string]string{"disk.img.bmap": good}, "", "", true},
		"of its name":      {"disk.img", map[string]string{"disk.bmap": good}, "", "", true},
		"the nearer one":   {"disk.img", map[string]string{"disk.bmap": "<html>", "disk.img.bmap": good}, "", "", true},
		"of other names":   {"disk.img", map[string]string{"disk2.bmap": "<html>", ".bmap": "<html>", "disk.img.map": "<html>"}, "", "", false},
		"a hidden image":   {".img", map[string]string{".bmap": "<html>"}, "", "", false},
		"of another image": {"disk.img", map[string]string{"disk.bmap": mapOfBlocks(foreign, [2]int{0, 1})}, classify.ImageMismatch, "disk.bmap is not of the image", false},
		"of a shorter":     {"disk.img", map[string]string{"disk.bmap": mapOfBlocks(image[:9000], [2]int{0, 2})}, classify.ImageMismatch, "it is of an image of 9000 bytes, this one has 20971521", false},
		"of a longer":      {"disk.img", map[string]string{"disk.bmap": mapOfBlocks(append(bytes.Clone(image), 1), [2]int{0, 1})}, classify.ImageMismatch, "it is of an image of 20971522 bytes", false},
		"damaged":          {"disk.img", map[string]string{"disk.bmap": strings.Replace(good, "3000-3500", "3000-3501", 1)}, classify.ImageDecode, "disk.bmap: the block map is damaged: its digest is", false},
		"empty":            {"disk.img", map[string]string{"disk.img.bmap": ""}, classify.ImageDecode, "the block map is damaged", false},
	} {
		t.Run(name, func(t *testing.T) {
			notes := ""
			im, err := Stager{Observer: Observer{Note: func(text string) { notes += text }}}.Open(t.Context(), Ref(beside(t, tt.name, image, tt.others)))
			if tt.kind != "" {
				if f := classify.Facts(err); f.Kind != tt.kind || f.Class != classify.Fatal || f.Hint == "" || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("Open = %v of kind %s, hint %q; want the kind of the case", err, f.Kind, f.Hint)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer im.Close()
			if im.SHA256() != sum || im.Size() != int64(len(image)) || im.CheckUnchanged() != nil {
				t.Errorf("Open = an image of %d bytes; want the whole image", im.Size())
			}
			want := "[{0 262144} {8912896 1835008} {20709376 262144} {20971520 1}]" // blocks 0 and 1; 9,000,000 to 10,503,000; 20,970,000 to the end
			if !tt.ranges {
				want = "[{0 4194304} {4194304 4194304} {8388608 4194304} {12582912 4194304} {16777216 4194304} {20971520 1}]"
			}
			var got [][2]int64
			for _, r := range im.Ranges() {
				got = append(got, [2]int64{r.Off, r.Len})
			}
			if text := strings.NewReplacer("[[", "[{", "]]", "}]", "] [", "} {").Replace(fmt.Sprint(got)); text != want || tt.ranges != strings.HasSuffix(notes, "of 20971521 bytes matter") {
				t.Errorf("ranges %s, notes %q; want %s", text, notes, want)
			}
		})
	}
}

// TestMapOfNothing opens an image without mapped blocks: it has no ranges.
func TestMapOfNothing(t *testing.T) {
	image := make([]byte, 10_001)
	im, err := Open(t.Context(), Ref(beside(t, "disk.img", image, map[string]string{"disk.bmap": mapOfBlocks(image)})))
	if err != nil || len(im.Ranges()) > 0 || im.Size() != 10_001 {
		t.Fatalf("Open = %v, ranges %v; want no ranges", err, im.Ranges())
	}
	im.Close()
}

// TestMapThatCannotBeRead refuses an image whose map cannot be read.
func TestMapThatCannotBeRead(t *testing.T) {
	path := beside(t, "disk.img", []byte("image\x00"), nil)
	if err := os.Mkdir(path+bmapSuffix, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Ref(path)); classify.Facts(err).Kind != classify.ImageRead {
		t.Errorf("Open with a folder as map = %v; want an error", err)
	}
	os.Remove(path + bmapSuffix)
	if err := os.Symlink(path+bmapSuffix, path+bmapSuffix); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Ref(path)); classify.Facts(err).Kind != classify.ImageRead {
		t.Errorf("Open with a link to itself as map = %v; want an error", err)
	}
	os.Remove(path + bmapSuffix)
	silentFIFO(t, path+bmapSuffix)
	if _, err := Open(t.Context(), Ref(path)); classify.Facts(err).Kind != classify.ImageRead || !errors.Is(err, input.ErrNotRegular) {
		t.Errorf("Open with a FIFO as map = %v; want an error", err)
	}
}

// TestMapBesideAPackedImage applies a map to a compressed image, decoded or cached.
func TestMapBesideAPackedImage(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Limit: 1 << 30}
	image := content(1, 9_000_000)
	packed, err := os.ReadFile(gzipped(t, image))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"disk.img.gz.bmap", "disk.img.bmap", "disk.bmap"} {
		path := beside(t, "disk.img.gz", packed, map[string]string{name: mapOfBlocks(image, [2]int{1, 1})})
		im, _ := staged(t, c, path, image)
		if len(im.Ranges()) != 1 || im.Ranges()[0].Len != BlockSize {
			t.Errorf("%s: Ranges = %v; want those of the map", name, im.Ranges())
		}
	}
}

// TestEveryByteOfASparseImage damages a sparse image in gzip, whose digest is the only one of its raw parts.
func TestEveryByteOfASparseImage(t *testing.T) {
	file, raw := sparseFile(64, chunkRaw, chunkSkip, chunkFill, chunkCRC)
	path := write(t, "x.simg", string(pack(t, packers["gz"], file)))
	staged(t, nil, path, raw)
	packed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range packed {
		for what, damaged := range map[string][]byte{"cut at": packed[:at], "a bit of": append(append(bytes.Clone(packed[:at]), packed[at]^4), packed[at+1:]...)} {
			im, err := Open(t.Context(), Ref(write(t, "x", string(damaged))))
			if err != nil {
				continue
			}
			if im.SHA256() != fmt.Sprintf("%x", sha256.Sum256(raw)) && at > 10 { // the header of gzip says nothing of the content
				t.Errorf("%s byte %d: Open = another image; want an error or the image", what, at)
			}
			im.Close()
		}
	}
}
