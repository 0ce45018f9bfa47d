package image

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

func TestParseDigestOfLists(t *testing.T) {
	image := []byte("an image\x00")
	s256, s512, s1, m5 := fmt.Sprintf("%x", sha256.Sum256(image)), fmt.Sprintf("%x", sha512.Sum512(image)), fmt.Sprintf("%x", sha1.Sum(image)), fmt.Sprintf("%x", md5.Sum(image))
	s384 := fmt.Sprintf("%x", sha512.Sum384(image))
	wrong := strings.Repeat("ab", 32)
	for name, tt := range map[string]struct{ list, want string }{
		"tag":                     {"SHA256 (core.wic) = " + s256 + "\n", s256},
		"BSD of sha512":           {"SHA512 (other) = " + s512[:126] + "00\nSHA512 (core.wic) = " + s512 + "\n", "sha512:" + s512},
		"OpenSSL":                 {"SHA2-256(core.wic)= " + s256 + "\n", s256},
		"OpenSSL, old":            {"MD5(dir/core.wic)= " + m5 + "\n", "md5:" + m5},
		"sha1sum":                 {s1 + "  core.wic\n", "sha1:" + s1},
		"sha384sum":               {s384 + " *core.wic\n", "sha384:" + s384},
		"CRLF and a mark":         {"\ufeff" + s256 + " *core.wic\r\n", s256},
		"tab":                     {s256 + "\tcore.wic\n", s256},
		"upper case":              {strings.ToUpper(s256) + "  ./core.wic\n", s256},
		"escaped":                 {`\` + s256 + `  dir\\x/core.wic` + "\n", s256},
		"tag, escaped":            {`\SHA256 (a\nb/core.wic) = ` + s256 + "\n", s256},
		"tagged digest":           {"sha256:" + s256 + "  core.wic\n", s256},
		"only a digest":           {"  sha512:" + s512 + "\n", "sha512:" + s512},
		"UTF-16":                  {"\xff\xfe" + wide(s256+"  core.wic\r\n"), s256},
		"Fedora":                  {"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n# core.wic: 9 bytes\nSHA256 (core.wic) = " + s256 + "\n-----BEGIN PGP SIGNATURE-----\n\n" + wrong + "  core.wic\n-----END PGP SIGNATURE-----\n", s256},
		"a dash that is escaped":  {"-----BEGIN PGP SIGNED MESSAGE-----\n\n- " + s256 + "  core.wic\n", s256},
		"sha256 before sha512":    {s512[:126] + "00  core.wic\n" + s256 + "  core.wic\n", s256},
		"sha512 before md5":       {m5 + "  core.wic\n" + s512 + "  core.wic\n", "sha512:" + s512},
		"its own directory first": {wrong + "  old/core.wic\n" + s256 + "  core.wic\n", s256},
		"of another directory":    {s256 + "  images/qemu/core.wic\n", s256},
		"twice the same":          {s256 + "  core.wic\n" + s256 + " *./core.wic\n", s256},
		"blake":                   {"BLAKE2b (core.wic) = " + s512 + "\nSHA256 (core.wic) = " + s256 + "\n", s256},

		"an end of a name":          {s256 + "  my-core.wic\n" + s256 + "  core.wic.sig\nSHA256 (my core.wic) = " + s256 + "\n", ""},
		"two directories":           {wrong + "  a/core.wic\n" + s256 + "  b/core.wic\n", ""},
		"two of the same":           {wrong + "  core.wic\n" + s256 + "  core.wic\n", ""},
		"wrong length for the kind": {"SHA512 (core.wic) = " + s256 + "\n", ""},
		"only blake":                {"BLAKE2b (core.wic) = " + s512 + "\n", ""},
		"two digests, no names":     {s256 + "\n" + wrong + "\n", ""},
		"only in the signature":     {"-----BEGIN PGP SIGNATURE-----\n" + s256 + "  core.wic\n-----END PGP SIGNATURE-----\n", ""},
		"nothing":                   {"", ""},
	} {
		for _, path := range []string{"core.wic", "/images/core.wic", "https://host/images/core.wic?x=y"} {
			got, err := ParseDigest(write(t, "SUMS", tt.list), path)
			if got != tt.want || (err == nil) != (tt.want != "") || err != nil && classify.Facts(err).Kind != classify.Usage {
				t.Errorf("%s: ParseDigest(list, %s) = %q, %v; want %q", name, path, got, err, tt.want)
			}
		}
		if tt.want == "" {
			continue
		}
		for _, digest := range []string{tt.want, strings.ToUpper(tt.want)} {
			im, err := Stager{Digest: digest}.Open(t.Context(), Ref(write(t, "core.wic", string(image))))
			if err != nil {
				t.Errorf("%s: Open with %s = %v; want no error", name, digest, err)
				continue
			}
			im.Close()
			if _, err = (Stager{Digest: digest}).Open(t.Context(), Ref(write(t, "core.wic", string(image)+"\x00"))); classify.Facts(err).Kind != classify.ImageMismatch {
				t.Errorf("%s: Open of another image with %s = %v; want image.mismatch", name, digest, err)
			}
		}
	}
}

// TestDigestOfEachLayer holds that a digest of any kind may be that of the compressed file or of the image.
func TestDigestOfEachLayer(t *testing.T) {
	image := someImage()
	packed := pack(t, packers["xz"], image)
	path := Ref(write(t, "disk.img.xz", string(packed)))
	cache := &Cache{Dir: t.TempDir(), Limit: 1 << 30}
	for range 2 { // the second time from the cache
		for _, digest := range []string{fmt.Sprintf("sha512:%x", sha512.Sum512(image)), fmt.Sprintf("%X", md5.Sum(packed)), fmt.Sprintf("sha256:%x", sha256.Sum256(packed)), fmt.Sprintf("SHA1:%x", sha1.Sum(packed))} {
			im, err := Stager{Digest: digest, Cache: cache}.Open(t.Context(), path)
			if err != nil {
				t.Errorf("Open with %s = %v; want no error", digest, err)
				continue
			}
			im.Close()
		}
		for digest, want := range map[string]classify.Kind{"md5:" + strings.Repeat("0", 32): classify.ImageMismatch, "sha256:" + strings.Repeat("0", 63): classify.Usage, "crc32:00000000": classify.Usage, "x": classify.Usage} {
			if _, err := (Stager{Digest: digest, Cache: cache}).Open(t.Context(), path); classify.Facts(err).Kind != want {
				t.Errorf("Open with %s = %v; want %s", digest, err, want)
			}
		}
	}
}

// FuzzParseChecksums holds that a list of any bytes is read without a panic, and that only known digests come of it.
func FuzzParseChecksums(f *testing.F) {
	f.Add([]byte("SHA256 (x) = " + strings.Repeat("ab", 32) + "\n\\" + strings.Repeat("ab", 16) + " *y\n-----BEGIN PGP SIGNATURE-----\n"))
	f.Add([]byte("\xff\xfe" + wide(strings.Repeat("ab", 64)+"\tx")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, c := range parseChecksums(raw).sums {
			if d, err := parseDigest(c.String()); err != nil || d != c.digest {
				t.Errorf("parseDigest(%q) = %v, %v; want %v", c.String(), d, err, c.digest)
			}
		}
	})
}
