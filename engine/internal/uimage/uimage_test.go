package uimage

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestEncode compares with what mkimage of U-Boot 2023.01 made with SOURCE_DATE_EPOCH=0.
func TestEncode(t *testing.T) {
	data := []byte("kernel")
	const want = "2705195699cb6e1c000000000000000600000000000000005dd29aab0516030161206e616d6500000000000000000000000000000000000000000000000000006b65726e656c"
	h := Header{Arch: Arches["arm64"], Type: Types["ramdisk"], Compression: Compressions["gzip"], Name: "a name"}
	if got := hex.EncodeToString(append(h.Encode(uint32(len(data)), crc32.ChecksumIEEE(data)), data...)); got != want {
		t.Errorf("Encode() = %s; want %s", got, want)
	}
}

// TestMkimage compares the image for every name with that of mkimage.
func TestMkimage(t *testing.T) {
	if _, err := exec.LookPath("mkimage"); err != nil {
		t.Skip("LEFT OUT: there is no mkimage; as root `make test-deps` installs u-boot-tools")
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "data"), filepath.Join(dir, "image")
	data := bytes.Repeat([]byte("data of a kernel"), 1000)
	if err := os.WriteFile(in, data, 0o600); err != nil {
		t.Fatal(err)
	}
	compare := func(arch, kind, compression string) {
		h := Header{Arches[arch], Types[kind], Compressions[compression], 0x80008000, 0x80008040, strings.Repeat("n", NameSize)}
		cmd := exec.Command("mkimage", "-A", arch, "-O", "linux", "-T", kind, "-C", compression, "-a", fmt.Sprintf("%x", h.Load), "-e", fmt.Sprintf("%x", h.Entry), "-n", h.Name, "-d", in, out)
		cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", cmd, err, text)
			return
		}
		want, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if got := append(h.Encode(uint32(len(data)), crc32.ChecksumIEEE(data)), data...); !bytes.Equal(got, want) {
			t.Errorf("image for %s, %s, %s: header %x; want %x", arch, kind, compression, got[:HeaderSize], want[:HeaderSize])
		}
	}
	for arch := range Arches {
		compare(arch, "kernel", "none")
	}
	for kind := range Types {
		compare("arm", kind, "none")
	}
	for compression := range Compressions {
		compare("arm", "kernel", compression)
	}
}
