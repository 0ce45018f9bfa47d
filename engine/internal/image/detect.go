package image

import (
	"bytes"
	"errors"
	"io"
	"regexp"

	"github.com/flashlua/flashlua/classify"
)

// formatOf returns the format of a file, nil if it is raw.
func formatOf(f io.ReaderAt) (*format, error) {
	head := make([]byte, headSize)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return formatBy(head[:n]), nil
}

// formatBy returns the format of a file by its first bytes, nil if it is raw.
func formatBy(head []byte) *format {
	head = bytes.Clone(head)
	if len(head) >= 4 && string(head[1:4]) == skippable[1:] && head[0]&0xf0 == skippable[0] {
		head[0] = skippable[0]
	}
	for i := range formats {
		if f := &formats[i]; len(head) > f.at && bytes.HasPrefix(head[f.at:], []byte(f.magic)) {
			return f
		}
	}
	return nil
}

// nonImages are documents that are found in place of an image, by how they begin. No board boots from one.
var nonImages = []struct {
	begins     *regexp.Regexp
	what, hint string
}{
	{regexp.MustCompile(`^version https://git-lfs\.github\.com/spec/`), "a pointer of Git LFS", "git lfs pull fetches what it stands for"},
	{regexp.MustCompile(`(?i)^\x{feff}?\s*<(!--|(!doctype html|html|head|body)\b)`), "a web page", sentInstead},
	{regexp.MustCompile(`^\x{feff}?\s*(<\?xml|<[A-Z]\w+>\s*<)`), "an XML document", sentInstead},
	{regexp.MustCompile(`^\x{feff}?\s*\{\s*"[\w-]+"\s*:`), "a JSON document", sentInstead},
}

const sentInstead = "look at it: a server may have sent an error or a login in the image's place"

// refuseDocument returns an error if the image is one of nonImages.
func (im *Image) refuseDocument() error {
	head := make([]byte, 128)
	n, _ := im.f.ReadAt(head, 0)
	for _, d := range nonImages {
		if d.begins.Match(head[:n]) {
			return classify.WithHint(classify.New(classify.ImageFormat, "the image %s is %s", im.ref, d.what), "%s", d.hint)
		}
	}
	return nil
}
