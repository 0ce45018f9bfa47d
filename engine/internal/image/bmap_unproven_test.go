package image

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

// plainMap returns a map without digests of an image in blocks of 4096 bytes.
func plainMap(version string, size int, ranges string, mapped int) string {
	return fmt.Sprintf("<bmap version=%q><ImageSize>%d</ImageSize><BlockSize>4096</BlockSize><BlocksCount>%d</BlocksCount><MappedBlocksCount>%d</MappedBlocksCount><BlockMap>%s</BlockMap></bmap>",
		version, size, (size+4095)/4096, mapped, ranges)
}

// TestMapWithoutDigests holds that a block map without digests leaves out zeros only: it may be of another image.
func TestMapWithoutDigests(t *testing.T) {
	image := make([]byte, 24<<20)
	rand.NewChaCha8([32]byte{4}).Read(image[:4<<20])
	image[16<<20] = 1
	for name, tt := range map[string]struct {
		text string
		kind classify.Kind
		want []Range // without digests
	}{
		"1.2":                       {plainMap("1.2", len(image), "<Range> 0-1023 </Range>", 1024), "", []Range{{Len: 4 << 20, Kind: Data}, {Off: 16 << 20, Len: BlockSize, Kind: Data}}},
		"1.0, all mapped":           {plainMap("1.0", len(image), "<Range>0-6143</Range>", 6144), "", nil},
		"1.1, of less":              {plainMap("1.1", len(image)-4096, "<Range>0</Range>", 1), classify.ImageMismatch, nil},
		"1.2, miscounted":           {plainMap("1.2", len(image), "<Range>0-7</Range>", 9), classify.ImageDecode, nil},
		"2.0, no digest of its own": {plainMap("2.0", len(image), "<Range>0-7</Range>", 8), classify.ImageDecode, nil},
		"1.2 with a digest of 1.3":  {strings.Replace(plainMap("1.2", len(image), "<Range>0-7</Range>", 8), "<BlockMap>", "<BmapFileSHA1>0</BmapFileSHA1><BlockMap>", 1), classify.ImageDecode, nil},
	} {
		im, err := Open(t.Context(), Ref(beside(t, "disk.img", image, map[string]string{"disk.bmap": tt.text})))
		if kind := classify.Facts(err).Kind; kind != tt.kind {
			t.Errorf("%s: Open = %v of kind %q; want %q", name, err, kind, tt.kind)
		}
		if err != nil {
			continue
		}
		if tt.want != nil {
			got := im.Ranges()
			for i := range got {
				got[i].sum = [32]byte{}
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("%s: Ranges = %v; want %v", name, got, tt.want)
			}
		}
		im.Close()
	}
}

// TestMapByBmaptoolWithoutDigests holds that the map that bmaptool --no-checksum writes is taken, and that
// NoBlockMap ignores a map.
func TestMapByBmaptoolWithoutDigests(t *testing.T) {
	if _, err := exec.LookPath("bmaptool"); err != nil {
		t.Skip("LEFT OUT: bmaptool is not installed")
	}
	image := bytes.Repeat([]byte{0xa5}, 3<<20)
	path := beside(t, "disk.img", image, nil)
	if out, err := exec.Command("bmaptool", "create", "--no-checksum", "-o", path+".bmap", path).CombinedOutput(); err != nil {
		t.Fatalf("bmaptool create = %v: %s", err, out)
	}
	note := ""
	st := Stager{Observer: Observer{Note: func(text string) { note = text }}}
	im, err := st.Open(t.Context(), Ref(path))
	if err != nil || !strings.Contains(note, "only zeros are left out") {
		t.Fatalf("Open = %v, with the note %q; want that of a map without digests", err, note)
	}
	im.Close()
	note, st.NoBlockMap = "", true
	if im, err = st.Open(t.Context(), Ref(path)); err != nil || note != "" {
		t.Fatalf("Open without block map = %v, with the note %q; want none", err, note)
	}
	im.Close()
}
