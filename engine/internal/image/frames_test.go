package image

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

// TestFramesInAnyOrder compares mixtures of frames with what the tools of lz4 and zstd decode: skippable frames,
// legacy frames and frames, bare and compressed once more.
func TestFramesInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	skip := func(n int) []byte {
		b := binary.LittleEndian.AppendUint32(nil, 0x184D2A50+uint32(r.IntN(16)))
		return append(binary.LittleEndian.AppendUint32(b, uint32(n)), bytes.Repeat([]byte{0xfd}, n)...)
	}
	data := func() []byte {
		b := bytes.Repeat([]byte{byte(r.IntN(256)), 0, byte(r.IntN(256))}, 1+r.IntN(60_000))
		rand.NewChaCha8([32]byte{byte(r.IntN(256))}).Read(b[:len(b)/3])
		return b
	}
	pieces := map[string][]func() []byte{
		"lz4": {
			func() []byte { return skip(r.IntN(2000)) }, func() []byte { return skip(0) },
			func() []byte { return pack(t, []string{"lz4", "-qc"}, data()) },
			func() []byte { return pack(t, []string{"lz4", "-qlc"}, data()) },
			func() []byte { return pack(t, []string{"lz4", "-qcBD", "--no-frame-crc"}, data()) },
			func() []byte { return pack(t, []string{"lz4", "-qc", "--content-size", "-B4", "-BX"}, data()) },
			func() []byte { return pack(t, []string{"lz4", "-qc"}, nil) },
		},
		"zstd": {
			func() []byte { return skip(r.IntN(2000)) }, func() []byte { return skip(0) },
			func() []byte { return pack(t, []string{"zstd", "-qc"}, data()) },
			func() []byte {
				return pack(t, []string{"zstd", "-qc", "--no-check", "-19", "--no-content-size"}, data())
			},
			func() []byte { return pack(t, []string{"zstd", "-qc"}, nil) },
		},
	}
	for tool, kinds := range pieces {
		for n := range 16 {
			var file []byte
			order := ""
			for range 1 + r.IntN(6) {
				i := r.IntN(len(kinds))
				order += fmt.Sprint(i, " ")
				file = append(file, kinds[i]()...)
			}
			path := write(t, "disk.img", string(file))
			out := filepath.Join(t.TempDir(), "out")
			if text, err := exec.Command("sh", "-c", tool+" -dqc <"+path+" >"+out).CombinedOutput(); err != nil {
				t.Logf("%s %s: the tool fails: %v %s", tool, order, err, text)
				continue
			}
			want, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if n%2 == 1 {
				path = write(t, "disk.img.gz", string(pack(t, packers["gz"], file)))
			}
			im, err := Open(t.Context(), Ref(path))
			if len(want) == 0 {
				if classify.Facts(err).Kind != classify.ImageEmpty {
					t.Errorf("Open of %s frames %s= %v; want image.empty", tool, order, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("Open of %s frames %s= %v; want no error", tool, order, err)
				continue
			}
			if got, err := io.ReadAll(io.NewSectionReader(im, 0, im.Size())); err != nil || !bytes.Equal(got, want) {
				t.Errorf("Open of %s frames %s= %d bytes, %v; want %d", tool, order, len(got), err, len(want))
			}
			im.Close()
		}
	}
}

// TestSkippableBeforeAnother holds that only zstd and lz4 may follow a skippable frame.
func TestSkippableBeforeAnother(t *testing.T) {
	skip := "\x53\x2a\x4d\x18\x02\x00\x00\x00ab"
	for what, after := range map[string]string{
		"gzip": string(pack(t, packers["gz"], someImage())), "raw": string(someImage()), "half a frame": "\x53\x2a\x4d", "a frame that is too short": "\x53\x2a\x4d\x18\x09\x00\x00\x00ab",
	} {
		if _, err := Open(t.Context(), Ref(write(t, "disk.img", skip+after))); classify.Facts(err).Kind != classify.ImageDecode {
			t.Errorf("Open of a skippable frame and %s = %v; want image.decode", what, err)
		}
	}
}

// TestZerosAfterTheEnd holds for which formats zeros may follow, and that nothing else may.
func TestZerosAfterTheEnd(t *testing.T) {
	image := someImage()
	simg := func() []byte {
		const block = 4096
		n := (len(image) + block - 1) / block
		b := binary.LittleEndian.AppendUint32(nil, 0xed26ff3a)
		for _, v := range []uint16{1, 0, sparseHeader, chunkHeader} {
			b = binary.LittleEndian.AppendUint16(b, v)
		}
		for _, v := range []int{block, n, 1, 0, chunkRaw, n, chunkHeader + n*block} {
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		}
		return append(append(b, image...), make([]byte, n*block-len(image))...)
	}()
	for format, file := range map[string][]byte{"gz": pack(t, packers["gz"], image), "bz2": pack(t, packers["bz2"], image), "two bz2": bytes.Repeat(pack(t, packers["bz2"], image), 2), "simg": simg} {
		for _, n := range []int{1, 2, 3, 511, 512, 70_000} {
			im, err := Open(t.Context(), Ref(write(t, "disk", string(file)+string(make([]byte, n)))))
			if err != nil {
				t.Errorf("Open of %s with %d zeros after it = %v; want no error", format, n, err)
				continue
			}
			got := make([]byte, len(image))
			if _, err := im.ReadAt(got, 0); err != nil && err != io.EOF || !bytes.Equal(got, image) {
				t.Errorf("Open of %s with %d zeros after it = %d bytes, %v; want the image", format, n, im.Size(), err)
			}
			im.Close()
		}
		for what, after := range map[string]string{"zeros and a byte": "\x00\x00\x00\x01", "a byte": "\x01", "zero and a byte": "\x00\x01"} {
			if _, err := Open(t.Context(), Ref(write(t, "disk", string(file)+after))); classify.Facts(err).Kind != classify.ImageDecode {
				t.Errorf("Open of %s with %s after it = %v; want image.decode", format, what, err)
			}
		}
	}
}
