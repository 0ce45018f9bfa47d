package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

func write(t *testing.T, name, content string) string {
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpen(t *testing.T) {
	im, err := Stager{Format: FormatRaw}.Open(t.Context(), Ref(write(t, "x.raw", "abc")))
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-4
	if im.Size() != 3 || im.SHA256() != want {
		t.Errorf("Open = %d bytes, %s; want the content", im.Size(), im.SHA256())
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		path string
		kind classify.Kind
		text string
	}{
		{"/no/such/image", classify.ImageMissing, "/no/such/image"},
		{t.TempDir(), classify.ImageMissing, "not a regular file"},
		{write(t, "empty", ""), classify.ImageEmpty, "empty"},
		{write(t, "a.raw", "\x1f\x8b\x08"), classify.ImageDecode, "gzip"},
		{write(t, "a.img", "\xfd7zXZ\x00\x00"), classify.ImageDecode, "xz"},
		{write(t, "a", "\x28\xb5\x2f\xfd"), classify.ImageDecode, "zstd"},
		{write(t, "a", "BZh9"), classify.ImageDecode, "bzip2"},
		{write(t, "a", "PK\x03\x04"), classify.ImageDecode, "zip"},
		{write(t, "a", "\x04\x22\x4d\x18rest"), classify.ImageDecode, "lz4"},
		{write(t, "a", "\x3a\xff\x26\xedrest"), classify.ImageDecode, "Android sparse"},
		{write(t, "a", "7z\xbc\xaf\x27\x1crest"), classify.ImageFormat, "7z"},
		{write(t, "a", "LZIP\x01rest"), classify.ImageFormat, "lzip"},
		{write(t, "a", "QFI\xfb\x00\x00\x00\x03"), classify.ImageFormat, "qcow2"},
		{write(t, "a", string(pack(t, []string{"xz", "-c", "--format=lzma"}, []byte("image")))), classify.ImageFormat, "lzma"},
		{write(t, "a", string(pack(t, []string{"tar", "-c", "format.go"}, nil))), classify.ImageFormat, "is text: it begins with \"package image\""},
		{write(t, "a", string(pack(t, []string{"tar", "-cz", "--format=v7", "format.go"}, nil))), classify.ImageFormat, "gzip in it, old tar format"},
		{write(t, "a", "vhdxfile"), classify.ImageFormat, "VHDX"},
		{write(t, "a", string(pack(t, []string{"gzip", "-c"}, []byte("<html></html>")))), classify.ImageFormat, "is a web page"},
		{write(t, "a.bmap", "<?xml version=\"1.0\" ?>"), classify.ImageFormat, "an XML document"},
		{write(t, "a.img", "\xef\xbb\xbf<!doctype html>"), classify.ImageFormat, "is a web page"},
		{write(t, "a.img", "<!-- moved --><html>"), classify.ImageFormat, "is a web page"},
		{write(t, "a.img", "<Error><Code>AccessDenied</Code>"), classify.ImageFormat, "an XML document"},
		{write(t, "a.img", "{\"message\": \"Not Found\"}"), classify.ImageFormat, "a JSON document"},
		{write(t, "a.img", "version https://git-lfs.github.com/spec/v1\noid sha256:"), classify.ImageFormat, "Git LFS"},
		{write(t, "a.img", "070701000"), classify.ImageFormat, "cpio"},
		{write(t, "a.img", "\n<!DOCTYPE HTML>\n<html>"), classify.ImageFormat, "is a web page"},
		{write(t, "a.img", "<html><head>"), classify.ImageFormat, "is a web page"},
	} {
		_, err := Open(t.Context(), Ref(tt.path))
		if f := classify.Facts(err); f.Kind != tt.kind || f.Class != classify.Fatal || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("Open(%s) = %v of kind %s; want %q of kind %s", tt.path, err, f.Kind, tt.text, tt.kind)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	if _, err := Open(ctx, Ref(write(t, "x", "abc\x00"))); !errors.Is(err, stop) {
		t.Errorf("Open with a cancelled context = %v; want its cause", err)
	}
}

func TestUnchanged(t *testing.T) {
	path := write(t, "x.raw", "abc\x00")
	im, err := Open(t.Context(), Ref(path))
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if err := im.CheckUnchanged(); err != nil {
		t.Errorf("CheckUnchanged = %v; want nil", err)
	}
	if err := os.WriteFile(path, []byte("abcd"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := im.CheckUnchanged(); classify.Facts(err).Kind != classify.ImageChanged {
		t.Errorf("CheckUnchanged after a change = %v; want image.changed", err)
	}
	os.Remove(path)
	if err := im.CheckUnchanged(); classify.Facts(err).Kind != classify.ImageChanged {
		t.Errorf("CheckUnchanged after removal = %v; want image.changed", err)
	}
}

// packers are the tools that make each format.
var packers = map[string][]string{"gz": {"gzip", "-c"}, "xz": {"xz", "-c", "--block-size=65536"}, "zst": {"zstd", "-q", "-c"}, "bz2": {"bzip2", "-c"}, "lz4": {"lz4", "-q", "-c", "--content-size"}}

func pack(t testing.TB, tool []string, content []byte) []byte {
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

// digestError returns the error of an open image that must have a digest.
func digestError(t *testing.T, im *Image, text string) error {
	t.Helper()
	return openerOf(t, Stager{Digest: text}).checkDigest(t.Context(), im)
}

func openerOf(t *testing.T, s Stager) *opener {
	t.Helper()
	o, err := s.opener()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestPacked(t *testing.T) {
	content := make([]byte, 300_001)
	rand.New(rand.NewSource(1)).Read(content[:200_000])
	sum := fmt.Sprintf("%x", sha256.Sum256(content))
	for ext, tool := range packers {
		t.Run(ext, func(t *testing.T) {
			packed := pack(t, tool, content)
			twice := append(bytes.Clone(packed), packed...) // a file may hold several
			for name, tt := range map[string]struct {
				data []byte
				size int64
			}{"one": {packed, int64(len(content))}, "two": {twice, 2 * int64(len(content))}} {
				im, err := Open(t.Context(), Ref(write(t, "named.raw", string(tt.data))))
				if err != nil {
					t.Fatal(err)
				}
				defer im.Close()
				got := make([]byte, im.Size())
				if _, err := im.ReadAt(got, 0); err != nil || im.Size() != tt.size || !bytes.Equal(got[:len(content)], content) {
					t.Errorf("%s: %d bytes, %v; want %d", name, im.Size(), err, tt.size)
				}
				if name == "one" && (im.SHA256() != sum || digestError(t, im, sum) != nil || digestError(t, im, fmt.Sprintf("%X", sha256.Sum256(packed))) != nil || digestError(t, im, sum[:63]+"0") == nil) {
					t.Errorf("digest %s; want %s", im.SHA256(), sum)
				}
				if err := im.CheckUnchanged(); err != nil {
					t.Error(err)
				}
			}
			damaged := map[string][]byte{
				"empty tail": packed[:len(packed)-1], "half": packed[:len(packed)/2], "head": packed[:12],
				"trailing": append(bytes.Clone(packed), "garbage, and more of it"...),
			}
			for _, at := range []int{len(packed) / 3, len(packed) / 2, len(packed) - 9} {
				flipped := bytes.Clone(packed)
				flipped[at] ^= 0x10
				damaged[fmt.Sprint("bit at ", at)] = flipped
			}
			for name, data := range damaged {
				_, err := Open(t.Context(), Ref(write(t, "x", string(data))))
				if f := classify.Facts(err); f.Kind != classify.ImageDecode || f.Class != classify.Fatal {
					t.Errorf("%s: %v of kind %s; want image.decode", name, err, f.Kind)
				}
			}
			if _, err := Open(t.Context(), Ref(write(t, "x", string(pack(t, tool, nil))))); classify.Facts(err).Kind != classify.ImageEmpty {
				t.Errorf("Open of nothing, compressed = %v; want image.empty", err)
			}
		})
	}
}

// TestEveryBit flips bits of a compressed image, each of header and trailer and one of each byte between them, and
// cuts it at each byte: Open returns the image or an error.
func TestEveryBit(t *testing.T) {
	content := bytes.Repeat([]byte("an image of some words, "), 60)
	rand.New(rand.NewSource(1)).Read(content[:30])
	sum := fmt.Sprintf("%x", sha256.Sum256(content))
	for ext, tool := range packers {
		t.Run(ext, func(t *testing.T) {
			packed := pack(t, tool, content)
			path := write(t, "disk.img."+ext, "")
			check := func(what string, data []byte) {
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
				im, err := Open(t.Context(), Ref(path))
				if err == nil {
					defer im.Close()
					if im.SHA256() != sum {
						t.Errorf("%s: Open = another image of %d bytes; want an error or the image", what, im.Size())
					}
					return
				}
				if f := classify.Facts(err); !slices.Contains([]classify.Kind{classify.ImageDecode, classify.ImageFormat, classify.ImageEmpty}, f.Kind) || f.Class != classify.Fatal || f.Hint == "" && f.Kind != classify.ImageEmpty {
					t.Errorf("%s: Open = %v of kind %s, hint %q; want a fatal error with a hint", what, err, f.Kind, f.Hint)
				}
			}
			for at := range packed {
				bits := 1
				if at < 24 || at >= len(packed)-24 {
					bits = 8
				}
				for bit := range bits {
					flipped := bytes.Clone(packed)
					flipped[at] ^= 1 << bit
					check(fmt.Sprintf("bit %d of byte %d of %d", bit, at, len(packed)), flipped)
				}
				check(fmt.Sprintf("%d bytes of %d", at, len(packed)), packed[:at])
			}
		})
	}
}

// TestAsTheToolsDo holds what may precede and follow compressed content.
func TestAsTheToolsDo(t *testing.T) {
	content := []byte("an image\x00")
	skip := "\x5a\x2a\x4d\x18\x03\x00\x00\x00any"
	packers := maps.Clone(packers)
	packers["legacy"] = []string{"lz4", "-lcq"}
	for name, tt := range map[string]struct {
		ext           string
		before, after string
		kind          classify.Kind
	}{
		"gzip, zeros":               {"gz", "", "\x00\x00\x00", ""},
		"gzip, zeros and more":      {"gz", "", "\x00\x00\x1f\x8b", classify.ImageDecode},
		"gzip, half a member":       {"gz", "", "\x1f\x8b\x08\x00", classify.ImageDecode},
		"xz, stream padding":        {"xz", "", "\x00\x00\x00\x00", ""},
		"xz, padding of odd length": {"xz", "", "\x00\x00\x00", classify.ImageDecode},
		"zstd, skippable frames":    {"zst", skip, skip, ""},
		"zstd, half a frame":        {"zst", "", "\x28\xb5\x2f\xfd", classify.ImageDecode},
		"zstd, zeros":               {"zst", "", "\x00\x00\x00\x00", classify.ImageDecode},
		"lz4, the old format":       {"legacy", "", "", ""},
	} {
		packed := pack(t, packers[tt.ext], content)
		im, err := Open(t.Context(), Ref(write(t, "disk.img", tt.before+string(packed)+tt.after)))
		if kind := classify.Facts(err).Kind; kind != tt.kind {
			t.Errorf("%s: %v of kind %s; want %q", name, err, kind, tt.kind)
		}
		if err != nil {
			continue
		}
		if im.SHA256() != fmt.Sprintf("%x", sha256.Sum256(content)) {
			t.Errorf("%s: Open = %d bytes; want the content", name, im.Size())
		}
		im.Close()
	}
	for _, name := range []string{"disk.img.gz", "disk.XZ", "disk.zst", "disk.bz2", "disk.img.lz4", "disk.zip", "disk.simg"} {
		if _, err := Open(t.Context(), Ref(write(t, name, "\xebimage\x00"))); classify.Facts(err).Kind != classify.ImageFormat || !strings.Contains(err.Error(), name+" has the name of a ") {
			t.Errorf("Open of a page named %s = %v; want image.format", name, err)
		}
	}
}

func TestNoRoomToUnpack(t *testing.T) {
	packed := pack(t, packers["gz"], []byte("image"))
	path := write(t, "x.gz", string(packed))
	t.Setenv("TMPDIR", "/no/such/dir")
	if _, err := Open(t.Context(), Ref(path)); classify.Facts(err).Kind != classify.ConfigPlan {
		t.Errorf("Open without a temporary folder = %v; want config.plan", err)
	}
}

func TestExpected(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	other := strings.Repeat("cd", 32)
	fifo := filepath.Join(t.TempDir(), "fifo")
	silentFIFO(t, fifo)
	for text, want := range map[string]string{
		sum: sum, strings.ToUpper(sum): sum,
		write(t, "alone", sum+"\n"):                                 sum,
		write(t, "list", other+"  other.img\n"+sum+" *dir/x.raw\n"): sum,
		write(t, "missing", other+"  other.img\n"):                  "", "/no/such": "", sum[1:]: "", fifo: "",
	} {
		got, err := ParseDigest(text, "/images/x.raw")
		if got != want || (err == nil) != (want != "") || err != nil && classify.Facts(err).Kind != classify.Usage {
			t.Errorf("Expected(%.20s) = %s, %v; want %s", text, got, err, want)
		}
	}
}

// TestTooLargeAWindow holds that an intact image that needs too much memory is not reported as damaged.
func TestTooLargeAWindow(t *testing.T) {
	content := make([]byte, 1<<20)
	zst := pack(t, []string{"zstd", "-q", "-c", "--long=28", "--ultra", "-22", "--no-content-size"}, content)
	xz := pack(t, []string{"xz", "-c", "--lzma2=preset=0,dict=256MiB"}, content)
	small := pack(t, packers["xz"], content)
	for what, tt := range map[string]struct {
		file []byte
		most int
	}{
		"zstd": {zst, 128}, "xz": {xz, 128}, "the second stream of an xz": {append(small, xz...), 128},
		"zstd in gzip": {pack(t, packers["gz"], zst), 128}, "a window of 128 MiB in one of 128": {pack(t, packers["zst"], pack(t, []string{"xz", "-c", "--lzma2=preset=0,dict=128MiB"}, content)), 16},
	} {
		_, err := Open(t.Context(), Ref(write(t, "x", string(tt.file))))
		if f := classify.Facts(err); f.Kind != classify.ImageFormat || !strings.Contains(fmt.Sprint(err), fmt.Sprintf("needs more than %d MiB of memory", tt.most)) || !strings.Contains(f.Hint, "smaller window") {
			t.Errorf("%s: Open = %v of kind %s, hint %q; want image.format with a hint", what, err, f.Kind, f.Hint)
		}
	}
}

// TestWhatIsNotKnownHere holds that an intact file of an unknown variant is not reported as damaged.
func TestWhatIsNotKnownHere(t *testing.T) {
	content := []byte("an image\x00")
	layers := content
	for range maxNesting + 1 {
		layers = pack(t, packers["gz"], layers)
	}
	for what, file := range map[string][]byte{"xz with a filter": pack(t, []string{"xz", "-c", "--arm64", "--lzma2"}, content), "too many layers": layers} {
		if _, err := Open(t.Context(), Ref(write(t, "x", string(file)))); classify.Facts(err).Kind != classify.ImageFormat {
			t.Errorf("%s: Open = %v; want image.format", what, err)
		}
	}
}
