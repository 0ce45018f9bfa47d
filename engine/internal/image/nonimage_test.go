package image

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/flashlua/flashlua/classify"
)

// wide returns a text in UTF-16, little endian.
func wide(text string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(text)) {
		b.WriteByte(byte(u))
		b.WriteByte(byte(u >> 8))
	}
	return b.String()
}

// TestNotAnImage holds what is refused by its content, bare and compressed, and that --format raw takes it.
func TestNotAnImage(t *testing.T) {
	zeros := strings.Repeat("\x00", 4096)
	for content, want := range map[string]string{
		"# Disk DescriptorFile\nversion=1\ncreateType=\"twoGbMaxExtentFlat\"\n" + zeros: "is the descriptor of a VMDK",
		"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n":                            "is a signed text",
		"-----BEGIN PGP MESSAGE-----\n\nabc":                                            "is in OpenPGP's format",
		"untrusted comment: signature from minisign\nRWQf6LRCGA9i53":                    "is a signature",
		strings.Repeat("0f", 64) + "  disk.wic\n":                                       "is a list of checksums",
		strings.Repeat("0f", 16) + " *disk.wic\r\n":                                     "is a list of checksums",
		strings.Repeat("0f", 32):                                                        "is a list of checksums",
		"SHA512 (disk.wic) = " + strings.Repeat("0f", 64):                               "is a list of checksums",
		"MD5(disk.wic)= " + strings.Repeat("0f", 16):                                    "is a list of checksums",
		":10000000B1F81F2011000008210000082500000856\r\n:00000001FF\r\n":                "is an Intel HEX file",
		"S00F000068656C6C6F202020202000003C\nS11F00007C0802A6900100049421FFF07C6C1B787": "is a file of S-records",
		"UF2\nWQ]\x9e\x00\x20\x00\x00" + zeros:                                          "is a UF2 file",
		"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n":                                                 "is a PDF document",
		"d8:announce35:udp://tracker.example/announce13:creation":                       "is a torrent",
		"<script src=a.js></script>" + zeros:                                            "is a web page",
		"\n\n  <META http-equiv=refresh content='0;url=/'>":                             "is a web page",
		"<Title>portal</Title>":                                                         "is a web page",
		"[{\"error\": 404}]":                                                            "is a JSON document",
		"404: Not Found":                                                                "is text: it begins with \"404: Not Found\"",
		"Zugriff verweigert für Gerät 7":                                                "is text",
		"Acc\xe8s refus\xe9 au fichier demand\xe9":                                      "is text",
		"\ufeffplain":                                 "is text: it begins with \"plain\"",
		"\xff\xfe" + wide("access denied"):            "is text: it begins with \"access denied\"",
		wide("access denied"):                         "is text",
		"\x1b[31mno such file\x1b[0m\n":               "is text",
		strings.Repeat("line of a log\n", 37) + zeros: "is text", // 518 bytes before the zeros
		strings.Repeat("é", 300) + "\x00":             "is text", // whose 512th byte is half of a character
		strings.Repeat("€", 300):                      "is text",
		" ":                                           "is text",
	} {
		for layer, file := range map[string]string{"": content, "gz": string(pack(t, packers["gz"], []byte(content)))} {
			path := write(t, "disk", file)
			_, err := Open(t.Context(), Ref(path))
			if f := classify.Facts(err); f.Kind != classify.ImageFormat || f.Hint == "" || strings.Contains(f.Hint, "FILE") || !strings.Contains(err.Error(), want) {
				t.Errorf("Open(%.30q, %s) = %v of kind %s, hint %q; want %q", content, layer, err, f.Kind, f.Hint, want)
			}
			im, err := Stager{Format: FormatRaw}.Open(t.Context(), Ref(path))
			if err != nil || im.Size() != int64(len(file)) {
				t.Errorf("Open(%.30q, %s) as raw = %v; want the bytes as they are", content, layer, err)
				continue
			}
			im.Close()
		}
	}
}

// TestNameOfAnImage holds which names of raw files are refused.
func TestNameOfAnImage(t *testing.T) {
	content := "\xeb\x63\x90" + strings.Repeat("\x00\x80", 500)
	for name, want := range map[string]string{
		"disk.img.sha256": "a list of checksums", "disk.img.SHA512SUM": "a list of checksums", "disk.img.sig": "a signature", "disk.img.gpg": "a signature, or encrypted",
		"disk.bmap": "a block map", "disk.torrent": "a description of a download", "fw.hex": "the text format of a programmer", "fw.s19": "the text format", "fw.uf2": "a microcontroller",
		"disk.vmdk": "VMDK", "disk.ova": "tar", "disk.tgz": "gzip", "disk.tar.zst": "zstd", "disk.zip": "zip", "disk.7z": "7z", "disk.rpm": "rpm", "disk.cpio": "cpio", "disk.zstd": "zstd", "disk.dmg": "macOS",
		"disk.img": "", "disk": "", "disk.wic": "", "disk.iso": "", "disk.raw": "", "disk.bin": "", "disk-flat.vmdk": "", "disk.vhd": "", "disk.sdcard": "", "zip": "", "disk.gzip.img": "", "disk.ext4": "", "u-boot.rom": "",
	} {
		path := write(t, name, content)
		im, err := Open(t.Context(), Ref(path))
		switch f := classify.Facts(err); {
		case want == "" && err != nil:
			t.Errorf("Open(%s) = %v; want no error", name, err)
		case want != "" && (f.Kind != classify.ImageFormat || !strings.Contains(err.Error(), want) || !strings.Contains(f.Hint, "--format raw")):
			t.Errorf("Open(%s) = %v of kind %s, hint %q; want %q", name, err, f.Kind, f.Hint, want)
		case err == nil:
			im.Close()
		}
		if im, err = (Stager{Format: FormatRaw}).Open(t.Context(), Ref(path)); err != nil {
			t.Errorf("Open(%s) as raw = %v; want no error", name, err)
		} else {
			im.Close()
		}
	}
	// Each layer has a name of its own.
	for name, want := range map[string]string{"disk.tar.gz": "tar", "disk.xz.gz": "xz", "disk.tgz": "tar", "disk.img.sig.gz": "a signature", "disk.img.gz": "", "disk": ""} {
		im, err := Open(t.Context(), Ref(write(t, name, string(pack(t, packers["gz"], []byte(content))))))
		if err == nil {
			im.Close()
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%s) of a raw image in gzip = %v; want %q", name, err, want)
		}
	}
}

func unhex(t *testing.T, text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRealImages holds that the first sectors of real images, of disks, partitions and flash chips, are not refused.
func TestRealImages(t *testing.T) {
	sector := func(head []byte, rest ...string) []byte {
		return append(append(head, strings.Join(rest, "")...), make([]byte, 8192)...)
	}
	random := make([]byte, 8192)
	rand.NewChaCha8([32]byte{9}).Read(random)
	all := map[string][]byte{
		"erased NOR":                bytes.Repeat([]byte{0xff}, 8192),
		"zeros":                     append(make([]byte, 8192), 1),
		"random":                    random,
		"LUKS":                      sector([]byte("LUKS\xba\xbe\x00\x01aes\x00")),
		"arm64 Image":               sector(unhex(t, "4d5a40fa ff7fc514 00000000 00000000"), "ARMd"),
		"U-Boot for arm":            sector(unhex(t, "b80000ea 14f09fe5 14f09fe5 14f09fe5")),
		"U-Boot for arm64":          sector(unhex(t, "0a000014 1f2003d5 00008077 00000000")),
		"device tree, FIT":          sector(unhex(t, "d00dfeed 000026f8 00000038 000023cc")),
		"uImage":                    sector(unhex(t, "27051956 3c2b4f2e 5f2b4f2e"), "Linux-6.1"),
		"U-Boot environment":        sector(unhex(t, "d47e10c2"), "bootcmd=run distro_bootcmd\x00bootdelay=2\x00"),
		"redundant environment":     sector(unhex(t, "d47e10c2 01"), "arch=arm\x00baudrate=115200\x00"),
		"Android boot":              sector([]byte("ANDROID!"), "\x00\x80\x12\x01"),
		"Android misc":              sector([]byte("boot-recovery"), "\x00"),
		"Rockchip idblock":          sector(unhex(t, "3b8cdcfcbe9f9d51eb30345d4f6d5a94")),
		"Allwinner boot0":           sector(unhex(t, "100000ea"), "eGON.BT0"),
		"i.MX boot image":           sector(unhex(t, "d1002041 00008778")),
		"squashfs":                  sector([]byte("hsqs\x07\x00\x00\x00")),
		"ext4, after its boot code": append(make([]byte, 1024+56), 0x53, 0xef),
		"UBI":                       sector([]byte("UBI#\x01\x00\x00\x00")),
		"JFFS2":                     sector(unhex(t, "8519 0320 0c000000")),
		"ELF, of a boot loader":     sector([]byte("\x7fELF\x02\x01\x01\x00")),
		"BMP of a splash screen":    sector([]byte("BM8\x04\x0c\x00\x00\x00\x00\x006\x00\x00\x00")),
		"FAT boot sector":           append(append([]byte("\xeb\x3c\x90mkfs.fat\x00\x02\x04\x01\x00"), make([]byte, 491)...), 0x55, 0xaa),
	}
	for tool, args := range map[string][]string{"mkfs.ext4": {"-q", "-F"}, "mkfs.ext2": {"-q", "-F", "-b", "1024"}, "mkfs.vfat": nil, "mkfs.btrfs": nil, "mkfs.f2fs": nil, "mkswap": nil} {
		path := filepath.Join(t.TempDir(), "fs")
		program, err := exec.LookPath(tool)
		if err != nil {
			if program, err = exec.LookPath("/usr/sbin/" + tool); err != nil {
				continue
			}
		}
		if err := os.WriteFile(path, make([]byte, 4<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(program, append(args, path)...).CombinedOutput(); err != nil {
			t.Errorf("%s = %v: %s", tool, err, out)
		}
		all[tool], _ = os.ReadFile(path)
	}
	for name, content := range all {
		im, err := Open(t.Context(), Ref(write(t, "disk.img", string(content))))
		if err != nil {
			t.Errorf("%s: Open = %v; want no error", name, err)
			continue
		}
		im.Close()
	}
}
