package image

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

// entryOf is a file for an archive. A name that ends with / is a directory; link is a symbolic link.
type entryOf struct {
	name    string
	content []byte
	link    string
}

func tarOf(t testing.TB, format tar.Format, entries ...entryOf) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.content)), Typeflag: tar.TypeReg, Format: format}
		switch {
		case e.link != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
		case strings.HasSuffix(e.name, "/"):
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipOf(t testing.TB, method uint16, entries ...entryOf) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: method}
		if e.link != "" {
			h.SetMode(os.ModeSymlink | 0o777)
			e.content = []byte(e.link)
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// someImage returns an image with data and zeros.
func someImage() []byte {
	b := make([]byte, 700_001)
	rand.NewChaCha8([32]byte{3}).Read(b[:300_000])
	b[len(b)-1] = 7
	return b
}

func TestArchiveOfOneFile(t *testing.T) {
	image := someImage()
	xz := pack(t, packers["xz"], image)
	mac := []entryOf{{"v1/", nil, ""}, {"v1/._disk.img", []byte("mac"), ""}, {"v1/disk.img", image, ""}, {"__MACOSX/v1/._disk.img", []byte("mac"), ""}, {"v1/.DS_Store", []byte("mac"), ""}}
	for name, file := range map[string][]byte{
		"disk.zip":           zipOf(t, zip.Deflate, entryOf{"disk.img", image, ""}),
		"stored.zip":         zipOf(t, zip.Store, entryOf{"a/disk.img", image, ""}),
		"mac.zip":            zipOf(t, zip.Deflate, mac...),
		"disk.img.zip":       zipOf(t, zip.Deflate, entryOf{"disk.img.xz", xz, ""}),
		"twice.zip":          zipOf(t, zip.Deflate, entryOf{"disk.tar.gz", pack(t, packers["gz"], tarOf(t, tar.FormatGNU, entryOf{"disk.img", image, ""})), ""}),
		"disk.tar":           tarOf(t, tar.FormatUSTAR, entryOf{"disk.img", image, ""}),
		"named.img":          tarOf(t, tar.FormatUSTAR, entryOf{"disk.img", image, ""}),
		"pax.tar":            tarOf(t, tar.FormatPAX, entryOf{strings.Repeat("long/", 40) + "dísk.img", image, ""}),
		"mac.tgz":            pack(t, packers["gz"], tarOf(t, tar.FormatGNU, mac...)),
		"disk.tar.xz":        pack(t, packers["xz"], tarOf(t, tar.FormatGNU, entryOf{"disk.img", image, ""})),
		"disk.tar.zst":       pack(t, packers["zst"], tarOf(t, tar.FormatGNU, entryOf{"disk.img.xz", xz, ""})),
		"disk.tbz2":          pack(t, packers["bz2"], tarOf(t, tar.FormatGNU, entryOf{"disk.img", image, ""})),
		"blocks.tar":         append(tarOf(t, tar.FormatGNU, entryOf{"disk.img", image, ""}), make([]byte, 9216)...),
		"without an end.tar": tarOf(t, tar.FormatGNU, entryOf{"disk.img", image[:512*1000], ""})[:512*1001],
	} {
		want := image
		if strings.HasPrefix(name, "without") {
			want = image[:512*1000]
		}
		im, err := Open(t.Context(), Ref(write(t, name, string(file))))
		if err != nil {
			t.Errorf("Open(%s) = %v; want the image in it", name, err)
			continue
		}
		got, err := io.ReadAll(io.NewSectionReader(im, 0, im.Size()))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("Open(%s) = %d bytes, %v; want the image of %d", name, len(got), err, len(want))
		}
		im.Close()
	}
}

func TestArchiveThatIsNoImage(t *testing.T) {
	image := someImage()
	one := entryOf{"disk.img", image, ""}
	zipped := zipOf(t, zip.Deflate, one)
	edited := func(b []byte, edit func(b []byte)) []byte {
		b = bytes.Clone(b)
		edit(b)
		return b
	}
	many := []entryOf{}
	for i := range 20 {
		many = append(many, entryOf{fmt.Sprint("file", i), []byte("x"), ""})
	}
	directory := bytes.Index(zipped, []byte("PK\x01\x02"))
	f, d := classify.ImageFormat, classify.ImageDecode
	for name, tt := range map[string]struct {
		file []byte
		kind classify.Kind
		text string
	}{
		"two.zip":       {zipOf(t, zip.Deflate, one, entryOf{"README", []byte("read"), ""}), f, `it has 2 files: "disk.img", "README"`},
		"twice.zip":     {zipOf(t, zip.Deflate, one, one), f, `it has 2 files: "disk.img", "disk.img"`},
		"many.tar":      {tarOf(t, tar.FormatGNU, many...), f, `"file7" and 12 more`},
		"two.tar.gz":    {pack(t, packers["gz"], tarOf(t, tar.FormatGNU, one, entryOf{"disk.bmap", []byte("map"), ""})), f, `it has 2 files: "disk.img", "disk.bmap"`},
		"link.tar":      {tarOf(t, tar.FormatGNU, one, entryOf{"latest.img", nil, "disk.img"}), f, `it has 2 files`},
		"only.tar":      {tarOf(t, tar.FormatGNU, entryOf{"latest.img", nil, "/dev/sda"}), f, `what is in it is no file: "latest.img"`},
		"linked.zip":    {zipOf(t, zip.Store, entryOf{"disk.img", nil, "/etc/passwd"}), f, "what is in it is no file"},
		"none.tar":      {tarOf(t, tar.FormatGNU, entryOf{"empty/", nil, ""}), f, "there is no file in it"},
		"none.zip":      {zipOf(t, zip.Store), f, "there is no file in it"},
		"text.zip":      {zipOf(t, zip.Deflate, entryOf{"README", []byte("read me"), ""}), f, "is text"},
		"qcow.zip":      {zipOf(t, zip.Deflate, entryOf{"disk", []byte("QFI\xfb\x00\x00\x00\x03"), ""}), f, "qcow2"},
		"sum.tar":       {tarOf(t, tar.FormatGNU, entryOf{"disk.img.sig", []byte("\x88\x5d\x04\x00"), ""}), f, "a signature"},
		"packed.zip.gz": {pack(t, packers["gz"], zipped), f, "gzip in it, zip format"},
		"empty.zip":     {zipOf(t, zip.Store, entryOf{"disk.img", nil, ""}), classify.ImageEmpty, "empty when unpacked"},
		"secret.zip":    {edited(zipped, func(b []byte) { b[directory+8] |= 1 }), f, "encrypted"},
		"lzma.zip":      {edited(zipped, func(b []byte) { b[directory+10] = 14 }), f, "not known here"},
		"crc.zip":       {edited(zipped, func(b []byte) { b[directory+16] ^= 1 }), d, "checksum"},
		"nocrc.zip":     {edited(zipped, func(b []byte) { clear(b[directory+16 : directory+20]) }), d, "checksum"},
		"shorter.zip":   {edited(zipped, func(b []byte) { b[directory+24]-- }), d, "has more than the 700000 bytes"},
		"longer.zip":    {edited(zipped, func(b []byte) { b[directory+24]++ }), d, "unexpected EOF"},
		"flipped.zip":   {edited(zipped, func(b []byte) { b[5000] ^= 4 }), d, "damaged"},
		"half.zip":      {zipped[:len(zipped)/2], d, "damaged"},
		"half.tar":      {tarOf(t, tar.FormatGNU, one)[:100_000], d, "unexpected EOF"},
		"after.tar":     {append(tarOf(t, tar.FormatGNU, one), "more"...), d, "something else follows it"},
		"two in a row":  {append(tarOf(t, tar.FormatGNU, one), tarOf(t, tar.FormatGNU, one)...), d, "something else follows it"},
		"header.tar":    {edited(tarOf(t, tar.FormatGNU, one), func(b []byte) { b[0] ^= 1 }), d, "tar"},
	} {
		_, err := Open(t.Context(), Ref(write(t, name, string(tt.file))))
		if facts := classify.Facts(err); facts.Kind != tt.kind || !strings.Contains(fmt.Sprint(err), tt.text) || facts.Hint == "" && tt.kind != classify.ImageEmpty {
			t.Errorf("Open(%s) = %v of kind %s, hint %q; want %q of kind %s", name, err, facts.Kind, facts.Hint, tt.text, tt.kind)
		}
	}
}

// TestArchivesByTheTools holds that what tar and zip make is unpacked, sparse files too, and that tars without a
// magic are refused.
func TestArchivesByTheTools(t *testing.T) {
	image := someImage()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "disk.img"))
	if err != nil {
		t.Fatal(err)
	}
	f.WriteAt(image[:300_000], 0)
	f.WriteAt([]byte{7}, int64(len(image)-1)) // with a hole between them
	f.Close()
	for name, tool := range map[string][]string{
		"gnu.tar":    {"tar", "-cf", "-", "disk.img"},
		"sparse.tar": {"tar", "-c", "--sparse", "--format=gnu", "-f", "-", "disk.img"},
		"pax10.tar":  {"tar", "-c", "--sparse", "--format=pax", "-f", "-", "disk.img"},
		"pax01.tar":  {"tar", "-c", "--sparse", "--sparse-version=0.1", "--format=pax", "-f", "-", "disk.img"},
		"label.tar":  {"tar", "-c", "--label=release", "-f", "-", "./disk.img"},
		"piped.zip":  {"sh", "-c", "zip -q - disk.img | cat"},
		"file.zip":   {"sh", "-c", "zip -q -9 x.zip disk.img && cat x.zip"},
		"v7.tar":     {"tar", "-c", "--format=v7", "-f", "-", "disk.img"},
	} {
		if _, err := exec.LookPath(tool[0]); err != nil {
			continue
		}
		cmd := exec.Command(tool[0], tool[1:]...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Logf("LEFT OUT: %s: %v", name, err)
			continue
		}
		im, err := Open(t.Context(), Ref(write(t, name, string(out))))
		if name == "v7.tar" {
			if classify.Facts(err).Kind != classify.ImageFormat || !strings.Contains(err.Error(), "old tar") {
				t.Errorf("Open(%s) = %v; want image.format", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("Open(%s) = %v; want the image in it", name, err)
			continue
		}
		if got, err := io.ReadAll(io.NewSectionReader(im, 0, im.Size())); err != nil || !bytes.Equal(got, image) {
			t.Errorf("Open(%s) = %d bytes, %v; want the image", name, len(got), err)
		}
		im.Close()
	}
}

// FuzzArchive holds that an archive of any bytes ends in an error or an image.
func FuzzArchive(f *testing.F) {
	small := entryOf{"disk.img", []byte("an image\x00"), ""}
	for _, seed := range [][]byte{zipOf(f, zip.Deflate, small), zipOf(f, zip.Store, small, small), tarOf(f, tar.FormatGNU, small), tarOf(f, tar.FormatPAX, entryOf{strings.Repeat("p/", 80) + "x", []byte("an image\x00"), ""})} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		im, err := Stager{MaxSize: 1 << 20}.Open(t.Context(), Ref(write(t, "x", string(file))))
		if err == nil {
			im.Close()
			return
		}
		if classify.Facts(err).Kind.Is("internal") {
			t.Errorf("Open = %v; want another kind", err)
		}
	})
}
