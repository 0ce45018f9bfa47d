package image

import (
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
)

// Format says in which format an image file is. Its values are constants.
type Format string

// FormatAuto and FormatRaw are two of the values of Format; the others name a format that can be unpacked.
const (
	FormatAuto Format = ""    // detected by content
	FormatRaw  Format = "raw" // the bytes as they are: nothing is detected or unpacked, and no block map is used
)

// formatFlags are the values of Format that name a format that can be unpacked.
var formatFlags = []string{"gzip", "xz", "zstd", "bzip2", "lz4", "simg", "zip", "tar"}

// FormatValues returns the values that ParseFormat takes.
func FormatValues() []string { return append([]string{"auto", "raw"}, formatFlags...) }

// ParseFormat returns the format that text names; "" is FormatAuto, too.
func ParseFormat(text string) (Format, error) {
	if text == "" || text == "auto" {
		return FormatAuto, nil
	}
	for _, known := range FormatValues() {
		if text == known {
			return Format(text), nil
		}
	}
	return "", classify.WithHint(classify.New(classify.Usage, "the format %q is not known%s", text, suggest.Nearest(text, FormatValues())), "use one of %s", strings.Join(FormatValues(), ", "))
}

// check returns an error if the format found in a file, nil for raw, is another than f.
func (f Format) check(ref Ref, found *format) error {
	want, name := string(f), "raw"
	if f == "simg" {
		want = sparseName
	}
	if found != nil {
		name = found.name
	}
	if name == want {
		return nil
	}
	return classify.WithHint(classify.New(classify.ImageFormat, "the image %s is not in %s format, it is %s", ref, want, name),
		"leave --format out, or use --format raw if these bytes are what the medium should hold")
}
