package image

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// The block map that bmaptool writes next to an image. Sources: the comments in such files, bmap-tools 3.6 and its
// NEWS.
const (
	maxBmap  = 64 << 20
	maxToken = 64 << 10 // of its XML; the longest that bmaptool writes is a comment of 1.5 kB
	maxDepth = 16       // bmaptool writes 3
	maxRuns  = 1 << 20  // ranges; with digests, more do not fit into maxBmap
)

// bmap says which blocks of an image are mapped.
type bmap struct {
	size   int64 // bytes of the image
	block  int64
	ranges []mapped         // sorted and disjoint; none, if the image is one hole
	digest func() hash.Hash // nil if the version has no digests
	proven bool             // every range has a digest, which shows that the map is of an image
}

// mapped is a range of bytes, clipped to the image.
type mapped struct {
	off, end int64
	sum      string // hex; "" if the map has none
}

// newHash returns the hash of the ranges' digests.
func (b *bmap) newHash() hash.Hash { return b.digest() }

// bmapVersion is how a version of the format names its digests; "" if it has none.
type bmapVersion struct{ checksumElement, attr string }

// bmapVersions are the known versions. 1.4 is 2.0 under a number that was assigned by mistake.
var bmapVersions = map[string]bmapVersion{
	"1.0": {}, "1.1": {}, "1.2": {},
	"1.3": {"BmapFileSHA1", "sha1"},
	"1.4": {"BmapFileChecksum", "chksum"},
	"2.0": {"BmapFileChecksum", "chksum"},
}

const makeAgain = "make it again with bmaptool create, or go without it: --no-bmap"

// readBmap reads a block map and checks every byte of it.
func readBmap(r io.Reader) (*bmap, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxBmap+1))
	switch {
	case err != nil:
		return nil, classify.Wrap(err, classify.ImageRead, "cannot read the block map")
	case len(data) > maxBmap:
		return nil, errUnsupported("the block map has more than %d MiB", maxBmap>>20)
	case bytes.HasPrefix(data, []byte("-----BEGIN PGP ")):
		return nil, classify.WithHint(classify.New(classify.ImageFormat, "the block map is wrapped in a signature"), "check and unwrap it with gpg --decrypt")
	}
	var m *bmap
	t, err := scanBmap(data)
	if err == nil {
		m, err = t.bmap(data)
	}
	var known *classify.Error
	if err != nil && !errors.As(err, &known) {
		err = classify.WithHint(classify.Wrap(err, classify.ImageDecode, "the block map is damaged"), "fetch it again, or "+makeAgain)
	}
	return m, err
}

// errUnsupported is the error of a map that may be intact but cannot be used.
func errUnsupported(format string, args ...any) error {
	return classify.WithHint(classify.New(classify.ImageFormat, format, args...), makeAgain)
}

// bmapText is the content of a map, unchecked.
type bmapText struct {
	version string
	format  bmapVersion
	fields  map[string][]byte // without the space around them
	ownSum  int               // offset of the map's own digest
	sum     string            // of the current range
	runs    []blockRange
}

// blockRange is a range of blocks, from first to last inclusive.
type blockRange struct {
	first, last int64
	sum         string
}

// tokenReader returns an error in a token that is too long, because the XML decoder keeps a token in memory, many
// times as large as in the file.
type tokenReader struct {
	*bytes.Reader
	left int
}

func (b *tokenReader) ReadByte() (byte, error) {
	if b.left == 0 {
		return 0, errors.New("a part of it is too long")
	}
	b.left--
	return b.Reader.ReadByte()
}

// element is an open XML element.
type element struct {
	path  string
	begin int64 // offset of its content
}

func scanBmap(data []byte) (*bmapText, error) {
	in := &tokenReader{Reader: bytes.NewReader(data)}
	dec := xml.NewDecoder(in)
	t := &bmapText{fields: map[string][]byte{}}
	var open []element
	for {
		in.left = maxToken
		at := dec.InputOffset()
		token, err := dec.Token()
		switch token := token.(type) {
		case nil:
			if err == io.EOF && t.version == "" {
				err = io.ErrUnexpectedEOF
			}
			if err == io.EOF {
				return t, nil
			}
		case xml.Directive:
			err = errors.New("it defines what no block map does")
		case xml.CharData:
			if len(open) == 0 && len(trim(token)) > 0 {
				err = errors.New("there is something else around it")
			}
		case xml.StartElement:
			e := element{elementPath(open, token.Name), dec.InputOffset()}
			open = append(open, e)
			err = t.begin(e.path, token, len(open))
		case xml.EndElement:
			e := open[len(open)-1]
			open = open[:len(open)-1]
			err = t.end(e, data[e.begin:at])
		}
		if err != nil {
			return nil, err
		}
	}
}

// elementPath returns the path of an element. Elements of another name space are unknown.
func elementPath(open []element, name xml.Name) string {
	local := name.Local
	if name.Space != "" {
		local = "{}" + local
	}
	if len(open) == 0 {
		return local
	}
	return open[len(open)-1].path + "/" + local
}

func (t *bmapText) begin(path string, e xml.StartElement, depth int) error {
	switch {
	case depth > maxDepth:
		return errors.New("its elements are nested too deep")
	case depth == 1 && (path != "bmap" || t.version != ""):
		return fmt.Errorf("it has an element %.40q where only bmap belongs", e.Name.Local)
	case depth == 1:
		return t.setVersion(attr(e, "version"))
	case path == "bmap/BlockMap/Range":
		t.sum = attr(e, t.format.attr)
	}
	return nil
}

func (t *bmapText) setVersion(version string) error {
	var ok bool
	if t.format, ok = bmapVersions[version]; !ok {
		return errUnsupported("the block map is of format version %.40q; 1.0 to 1.4 and 2.0 are known here", version)
	}
	t.version = version
	return nil
}

// attr returns an attribute, "" if there is none.
func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name == (xml.Name{Local: name}) {
			return a.Value
		}
	}
	return ""
}

// end takes the content of an element as it is in the file: the map's own digest is replaced there, and no value
// needs to be written in another way.
func (t *bmapText) end(e element, raw []byte) error {
	name, _ := strings.CutPrefix(e.path, "bmap/")
	switch name {
	case "BlockMap/Range":
		if len(t.runs) == maxRuns {
			return fmt.Errorf("it has more than %d ranges", maxRuns)
		}
		r, err := parseRun(raw)
		r.sum = t.sum
		t.runs = append(t.runs, r)
		return err
	case t.format.checksumElement:
		t.ownSum = int(e.begin) + len(raw) - len(bytes.TrimLeft(raw, space))
	case "ImageSize", "BlockSize", "BlocksCount", "MappedBlocksCount", "ChecksumType", "BlockMap":
	case "BmapFileSHA1", "BmapFileChecksum":
		if t.format.checksumElement == "" { // the version is damaged: without it nothing would be compared
			return fmt.Errorf("it has a %s, which version %s has not", name, t.version)
		}
		return nil
	default:
		return nil
	}
	if _, twice := t.fields[name]; twice {
		return fmt.Errorf("it has two %s", name)
	}
	t.fields[name] = trim(raw)
	return nil
}

const space = " \t\r\n"

func trim(raw []byte) []byte { return bytes.Trim(raw, space) }

// parseRun parses a block number, or a range of two.
func parseRun(raw []byte) (blockRange, error) {
	first, last, two := bytes.Cut(raw, []byte("-"))
	if !two {
		last = first
	}
	a, err := number(first)
	b, err2 := number(last)
	if err != nil || err2 != nil {
		return blockRange{}, fmt.Errorf("its range %.40q is none", trim(raw))
	}
	return blockRange{first: a, last: b}, nil
}

func number(raw []byte) (int64, error) {
	n, err := strconv.ParseUint(string(trim(raw)), 10, 63)
	return int64(n), err
}

// field returns a value, an error if it is missing.
func (t *bmapText) field(name string) ([]byte, error) {
	raw, ok := t.fields[name]
	if !ok {
		return nil, fmt.Errorf("it has no %s", name)
	}
	return raw, nil
}

func (t *bmapText) number(name string) (int64, error) {
	raw, err := t.field(name)
	if err != nil {
		return 0, err
	}
	n, err := number(raw)
	if err != nil {
		return 0, fmt.Errorf("its %s is %.40q", name, raw)
	}
	return n, nil
}

// bmap checks the text and returns its map.
func (t *bmapText) bmap(data []byte) (*bmap, error) {
	digest, err := t.digest()
	if err != nil {
		return nil, err
	}
	m := &bmap{digest: digest}
	if digest != nil {
		if err := t.verifyChecksum(data, m.newHash()); err != nil {
			return nil, err
		}
	}
	if _, err := t.field("BlockMap"); err != nil {
		return nil, err
	}
	var n [4]int64
	for i, name := range []string{"ImageSize", "BlockSize", "BlocksCount", "MappedBlocksCount"} {
		if n[i], err = t.number(name); err != nil {
			return nil, err
		}
	}
	m.size, m.block = n[0], n[1]
	if m.size == 0 || m.block == 0 || (m.size-1)/m.block+1 != n[2] {
		return nil, fmt.Errorf("an image of %d bytes has not %d blocks of %d", m.size, n[2], m.block)
	}
	if err := m.addRanges(t.runs, n[2], n[3]); err != nil {
		return nil, err
	}
	return m, nil
}

// digest returns the hash of all digests in the map, nil if its version has none.
func (t *bmapText) digest() (func() hash.Hash, error) {
	switch {
	case t.format.checksumElement == "":
		return nil, nil
	case t.version == "1.3":
		return sha1.New, nil
	}
	name, err := t.field("ChecksumType")
	if err != nil {
		return nil, err
	}
	for _, k := range digestKinds {
		if strings.EqualFold(k.kind, string(name)) {
			return k.new, nil
		}
	}
	return nil, errUnsupported("the block map has digests of the type %.40q; md5, sha1, sha224, sha256, sha384 and sha512 are known here", name)
}

// verifyChecksum compares the map with its own digest, which is computed with zeros in its place.
func (t *bmapText) verifyChecksum(data []byte, h hash.Hash) error {
	want, err := t.field(t.format.checksumElement)
	if err != nil {
		return err
	}
	digits := 2 * h.Size()
	if len(want) != digits {
		return fmt.Errorf("its %s has %d digits, not %d", t.format.checksumElement, len(want), digits)
	}
	h.Write(data[:t.ownSum])
	h.Write(bytes.Repeat([]byte("0"), digits))
	h.Write(data[t.ownSum+digits:])
	if got := hex.EncodeToString(h.Sum(nil)); got != string(want) {
		return fmt.Errorf("its digest is %s, and it says %.*q", got, digits, want)
	}
	return nil
}

// addRanges checks the ranges and converts them to bytes.
func (m *bmap) addRanges(runs []blockRange, blocks, want int64) error {
	digits := 0
	if m.digest != nil {
		digits = 2 * m.newHash().Size()
	}
	m.proven = m.digest != nil
	m.ranges = make([]mapped, 0, len(runs))
	next, count := int64(0), int64(0)
	for _, r := range runs {
		sum, err := hex.DecodeString(r.sum)
		m.proven = m.proven && r.sum != ""
		switch {
		case r.sum != "" && (err != nil || 2*len(sum) != digits || r.sum != strings.ToLower(r.sum)):
			return fmt.Errorf("the digest of its range %d-%d is %.*q", r.first, r.last, digits, r.sum)
		case r.last < r.first:
			return fmt.Errorf("its range %d-%d ends before it begins", r.first, r.last)
		case r.first < next:
			return fmt.Errorf("its range %d-%d begins before block %d, where the one before it ends", r.first, r.last, next)
		case r.last >= blocks:
			return fmt.Errorf("its range %d-%d ends past the last of %d blocks", r.first, r.last, blocks)
		}
		next = r.last + 1
		count += next - r.first
		end := m.size
		if next < blocks { // the last block may be partial
			end = next * m.block
		}
		m.ranges = append(m.ranges, mapped{r.first * m.block, end, r.sum})
	}
	if count != want {
		return fmt.Errorf("its ranges have %d blocks, and it says %d", count, want)
	}
	return nil
}
