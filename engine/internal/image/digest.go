package image

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"io"
	"regexp"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// digestKinds are the digests that an image can be compared with. Of several for one file, the first is used:
// SHA-256, after which the option is named, and then the strongest.
var digestKinds = []struct {
	kind string
	size int // hex digits
	new  func() hash.Hash
}{
	{"sha256", 64, sha256.New},
	{"sha512", 128, sha512.New},
	{"sha384", 96, sha512.New384},
	{"sha224", 56, sha256.New224},
	{"sha1", 40, sha1.New},
	{"md5", 32, md5.New},
}

// digest is a digest of a file. The zero value is none.
type digest struct {
	kind string // of digestKinds
	hex  string // in lower case
}

func (d digest) String() string {
	if d.kind == "sha256" || d.kind == "" {
		return d.hex
	}
	return d.kind + ":" + d.hex
}

// rank returns the place of the digest's kind in digestKinds.
func (d digest) rank() int {
	for i, k := range digestKinds {
		if k.kind == d.kind {
			return i
		}
	}
	return len(digestKinds)
}

var onlyHex = regexp.MustCompile(`^[0-9A-Fa-f]+$`)

// newDigest returns the digest with these hex digits. kind is as lists of checksums write it; if it is "", the
// length decides. ok is false if there is no such digest.
func newDigest(kind, digits string) (d digest, ok bool) {
	kind = strings.ReplaceAll(strings.ToLower(kind), "-", "")
	kind = strings.TrimPrefix(kind, "sha2") // as OpenSSL writes SHA2-256
	switch kind {
	case "256", "512", "384", "224":
		kind = "sha" + kind
	case "56":
		kind = "sha256"
	case "24":
		kind = "sha224"
	}
	if !onlyHex.MatchString(digits) {
		return digest{}, false
	}
	for _, k := range digestKinds {
		if k.size == len(digits) && (kind == "" || kind == k.kind) {
			return digest{k.kind, strings.ToLower(digits)}, true
		}
	}
	return digest{}, false
}

// inlineDigest returns the digest that text is: hex digits, or KIND:HEX.
func inlineDigest(text string) (d digest, ok bool) {
	text = strings.TrimSpace(text)
	if kind, digits, tagged := strings.Cut(text, ":"); tagged {
		return newDigest(kind, digits)
	}
	return newDigest("", text)
}

// parseDigest returns the digest in text, the zero value for "".
func parseDigest(text string) (digest, error) {
	if text == "" {
		return digest{}, nil
	}
	d, ok := inlineDigest(text)
	if !ok {
		return digest{}, classify.WithHint(classify.New(classify.Usage, "%.140q is no digest", text), digestForms)
	}
	return d, nil
}

const digestForms = "a sha256 has 64 hex digits; other digests are sha512:HEX, sha384:HEX, sha224:HEX, sha1:HEX and md5:HEX"

// isSHA256 reports whether text is a SHA-256, in hex.
func isSHA256(text string) bool {
	d, ok := newDigest("sha256", text)
	return ok && d.kind == "sha256"
}

// newHash returns a hash of the digest's kind. It discards what is written if the SHA-256, which is computed
// anyway, is enough.
func (d digest) newHash() io.Writer {
	if r := d.rank(); r > 0 && r < len(digestKinds) {
		return digestKinds[r].new()
	}
	return io.Discard
}

// of returns what newHash computed, the zero value if it discarded it.
func (d digest) of(w io.Writer) digest {
	h, ok := w.(hash.Hash)
	if !ok {
		return digest{}
	}
	return digest{d.kind, hex.EncodeToString(h.Sum(nil))}
}

// checkDigest returns an error unless the image, compressed or decoded, has the wanted digest.
func (s *opener) checkDigest(ctx context.Context, im *Image) error {
	want := s.digest
	if want.kind == "" {
		return nil
	}
	decoded, packed := digest{"sha256", im.sum}, digest{"sha256", im.source}
	if want.kind != "sha256" {
		if packed = im.sourceDigest; packed == want {
			return nil
		}
		h := want.newHash()
		if _, err := io.Copy(h, &sparseReader{ctx: ctx, f: im.f, size: im.size}); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return classify.Wrap(err, classify.ImageRead, "cannot read the image %s", im.ref)
		}
		decoded = want.of(h)
	}
	if want == decoded || want == packed {
		return nil
	}
	found := decoded.hex
	if packed.hex != "" {
		found = packed.hex + ", unpacked " + decoded.hex
	}
	return classify.WithHint(classify.New(classify.ImageMismatch, "the image %s has the %s %s, not %s", im.ref, want.kind, found, want.hex),
		"it is not the image that you expect: download or build it again")
}
