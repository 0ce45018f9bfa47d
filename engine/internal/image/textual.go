package image

import (
	"bytes"
	"encoding/binary"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/flashlua/flashlua/classify"
)

// nonImages are files that are found in place of an image, by how they begin. No board boots from one.
var nonImages = []struct {
	begins     *regexp.Regexp
	what, hint string
}{
	{regexp.MustCompile(`^version https://git-lfs\.github\.com/spec/`), "a pointer of Git LFS", "git lfs pull fetches what it stands for"},
	{regexp.MustCompile(`(?i)^\s*<(!--|(!doctype html|html|head|body|script|meta|title|style|link|h1|table|frameset)\b)`), "a web page", sentInstead},
	{regexp.MustCompile(`^\s*(<\?xml|<[A-Z]\w+>\s*<)`), "an XML document", sentInstead},
	{regexp.MustCompile(`^\s*(\{\s*"[^"\n]+"\s*:|\[\s*[{"])`), "a JSON document", sentInstead},
	{regexp.MustCompile(`^\s*# Disk DescriptorFile`), "the descriptor of a VMDK, which names the file with the content", "convert it: " + toRaw},
	{regexp.MustCompile(`^-----BEGIN PGP SIGNED MESSAGE-----`), "a signed text, such as a list of checksums", digestHint},
	{regexp.MustCompile(`^-----BEGIN PGP (SIGNATURE|MESSAGE|PUBLIC KEY)`), "in OpenPGP's format", "name the image, not its signature; gpg --decrypt decrypts"},
	{regexp.MustCompile(`^untrusted comment: `), "a signature", "name the image, not its signature"},
	{regexp.MustCompile(`^-----BEGIN [A-Z ]+-----`), "a certificate or key", "name the image"},
	{regexp.MustCompile(`^(\\?(?:[0-9A-Fa-f]{128}|[0-9A-Fa-f]{96}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{32})([ \t]+\*?\S|\r?\n|$)|[A-Z][A-Za-z0-9-]{1,11} ?\(.+\) ?= ?[0-9a-fA-F]{32})`), "a list of checksums", digestHint},
	{regexp.MustCompile(`^:[0-9A-Fa-f]{10,}\s`), "an Intel HEX file", "convert it: objcopy -I ihex -O binary FILE disk.img"},
	{regexp.MustCompile(`^S[0-9][0-9A-Fa-f]{8,}\s`), "a file of S-records", "convert it: objcopy -I srec -O binary FILE disk.img"},
	{regexp.MustCompile(`^UF2\nWQ\x5d[^\n]`), "a UF2 file, for the bootloader of a microcontroller", "copy it to the drive that the microcontroller shows"},
	{regexp.MustCompile(`^%PDF-`), "a PDF document", sentInstead},
	{regexp.MustCompile(`^d8:announce|^d13:announce-list`), "a torrent", "download the image and name its file"},
}

const sentInstead = "look at it: a server may have sent an error or a login in the image's place"

// refuseHead returns an error if the file that begins with head cannot be an image: it is one of nonImages, or its
// first sector, or all of it, is text.
func refuseHead(ref Ref, head []byte) error {
	head = head[:min(len(head), headSize)]
	text, isText := asText(head)
	for _, d := range nonImages {
		if d.begins.Match(text) {
			return classify.WithHint(classify.New(classify.ImageFormat, "the image %s is %s", ref, d.what), "%s", strings.ReplaceAll(d.hint, "FILE", ref.String()))
		}
	}
	if isText {
		return classify.WithHint(classify.New(classify.ImageFormat, "the image %s is text: it begins with %q", ref, clip(text, 40)),
			"name the image itself; if these bytes are what the medium should hold, add --format raw")
	}
	return nil
}

// refuseNonImage returns an error if a raw file cannot be an image.
func refuseNonImage(ref Ref, f io.ReaderAt) error {
	head := make([]byte, headSize)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return classify.Wrap(err, classify.ImageRead, "cannot read the image %s", ref)
	}
	return refuseHead(ref, head[:n])
}

// clip returns the first n characters of a text, up to its first line that is not empty.
func clip(text []byte, n int) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
	runes := []rune(string(line))
	if len(runes) > n {
		return string(runes[:n]) + "…"
	}
	return string(runes)
}

// asText returns head as UTF-8 without a byte order mark, and reports whether all of it is printable text: ASCII,
// UTF-8, UTF-16, or Latin-1 that is mostly ASCII. The last character may be incomplete.
func asText(head []byte) (text []byte, ok bool) {
	if wide := fromUTF16(head); wide != nil {
		return wide, printable(wide)
	}
	head = bytes.TrimPrefix(head, []byte("\ufeff"))
	return head, printable(head) || printableLatin1(head)
}

// fromUTF16 returns UTF-16 as UTF-8, nil if it is none: it needs a byte order mark, or only ASCII characters.
func fromUTF16(head []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		order, head = binary.LittleEndian, head[2:]
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		order, head = binary.BigEndian, head[2:]
	case len(head) >= 4 && head[0] != 0 && head[1] == 0 && head[3] == 0:
		order = binary.LittleEndian
	case len(head) >= 4 && head[0] == 0 && head[1] != 0 && head[2] == 0:
		order = binary.BigEndian
	default:
		return nil
	}
	units := make([]uint16, len(head)/2)
	for i := range units {
		units[i] = order.Uint16(head[2*i:])
	}
	if n := len(units); n > 0 && units[n-1]&0xfc00 == 0xd800 { // half of a character
		units = units[:n-1]
	}
	text := []byte(string(utf16.Decode(units)))
	if !printable(text) {
		return nil
	}
	return text
}

// printable reports whether text, which is not empty, is printable UTF-8.
func printable(text []byte) bool {
	if !utf8.FullRune(text) {
		return false
	}
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1:
			return !utf8.FullRune(text)
		case r == utf8.RuneError || !isPrint(r):
			return false
		}
		text = text[n:]
	}
	return true
}

// isPrint reports whether a character occurs in texts. It accepts what terminals and editors put there.
func isPrint(r rune) bool {
	switch r {
	case '\t', '\n', '\v', '\f', '\r', '\b', '\x1b', '\ufeff':
		return true
	}
	return unicode.IsPrint(r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)
}

// printableLatin1 reports whether text is printable in Latin-1 or Windows-1252, and at least three quarters of it
// ASCII.
func printableLatin1(text []byte) bool {
	ascii := 0
	for _, c := range text {
		switch {
		case c < utf8.RuneSelf && isPrint(rune(c)):
			ascii++
		case c < utf8.RuneSelf:
			return false
		}
	}
	return len(text) > 0 && 4*ascii >= 3*len(text)
}
