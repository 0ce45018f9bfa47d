package image

import (
	"bytes"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/input"
	"github.com/flashlua/flashlua/engine/internal/web"
)

// maxSums is the size of the largest list of checksums that is read, in bytes: that of a mirror with 100,000 files.
const maxSums = 16 << 20

// ParseDigest returns the digest in text, as a Stager takes it. text is hex digits, KIND:HEX, or the path of a list
// of checksums, in which the image is found by the last element of its path or URL. A signature around the list is
// not checked.
func ParseDigest(text, imagePath string) (string, error) {
	if d, ok := inlineDigest(text); ok {
		return d.String(), nil
	}
	if address, err := web.Parse(imagePath); err == nil {
		imagePath = address.Name()
	}
	raw, err := input.Read(text, maxSums)
	if err != nil {
		return "", classify.WithHint(classify.Wrap(err, classify.Usage, "%q is neither a sha256 nor a file with one", text), digestForms)
	}
	list := parseChecksums(raw)
	found := list.of(imagePath)
	switch {
	case len(found) == 0 && list.others > 0 && len(list.sums) == 0:
		return "", classify.WithHint(classify.New(classify.Usage, "%s has no checksum that is known here", text), digestForms)
	case len(found) == 0:
		return "", classify.WithHint(classify.New(classify.Usage, "%s has no checksum for %s", text, filepath.Base(imagePath)),
			"the names must be the same; name the digest itself after --sha256 otherwise")
	}
	best := found[0]
	for _, c := range found[1:] {
		switch {
		case c.rank() < best.rank():
			best = c
		case c.kind == best.kind && c.hex != best.hex:
			return "", classify.WithHint(classify.New(classify.Usage, "%s has several %s for %s", text, c.kind, filepath.Base(imagePath)),
				"name the right digest itself after --sha256")
		}
	}
	return best.String(), nil
}

// checksums is a list of checksums.
type checksums struct {
	sums   []checksum
	others int // lines with a checksum of a kind that is not known
}

// checksum is the digest of a file; the name is "" if the list does not say it.
type checksum struct {
	digest
	name string
}

// Lines of lists of checksums: of BSD, of OpenSSL and of sha256sum --tag; of sha256sum. A backslash before the
// line says that the name is escaped.
var (
	taggedLine = regexp.MustCompile(`^(\\?)([A-Za-z][A-Za-z0-9/-]*) ?\((.+)\) ?= *(\S+)$`)
	plainLine  = regexp.MustCompile(`^(\\?)(?:([A-Za-z][A-Za-z0-9-]*):)?([0-9A-Fa-f]{32,128})(?:[ \t]+\*?(.+))?$`)
)

// parseChecksums reads a list of checksums. It ignores lines of another form, and the text of a signature.
func parseChecksums(raw []byte) (l checksums) {
	if wide := fromUTF16(raw); wide != nil {
		raw = wide
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	signature := false
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "-----BEGIN PGP SIGNATURE"):
			signature = true
		case strings.HasPrefix(line, "-----END PGP"):
			signature = false
		case !signature:
			l.add(strings.TrimPrefix(line, "- ")) // RFC 4880, 7.1: a dash at the begin of a line is escaped so
		}
	}
	return l
}

// add adds a line.
func (l *checksums) add(line string) {
	escaped, kind, digits, name := "", "", "", ""
	if m := taggedLine.FindStringSubmatch(line); m != nil {
		escaped, kind, name, digits = m[1], m[2], m[3], m[4]
	} else if m := plainLine.FindStringSubmatch(line); m != nil {
		escaped, kind, digits, name = m[1], m[2], m[3], m[4]
	} else {
		return
	}
	d, ok := newDigest(kind, digits)
	if !ok {
		l.others++
		return
	}
	if escaped != "" {
		name = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r").Replace(name)
	}
	l.sums = append(l.sums, checksum{d, name})
}

// of returns the checksums of a file: those that list it with its path, or without one, if there are any; otherwise
// those of its name in any directory. A list with nothing but a digest is of any file.
func (l checksums) of(file string) (found []digest) {
	file = filepath.Clean(file)
	var elsewhere []digest
	for _, c := range l.sums {
		name := path.Clean(c.name)
		switch {
		case c.name == "":
			if len(l.sums) == 1 {
				found = append(found, c.digest)
			}
		case name == file || name == filepath.Base(file) || strings.Contains(name, "/") && strings.HasSuffix(file, "/"+strings.TrimPrefix(name, "/")):
			found = append(found, c.digest)
		case path.Base(name) == filepath.Base(file):
			elsewhere = append(elsewhere, c.digest)
		}
	}
	if len(found) == 0 {
		return elsewhere
	}
	return found
}
