package image

import (
	"compress/gzip"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
)

// maxWindow is the most memory that a compressed image may ask of its decoder.
const maxWindow = 128 << 20

// format is a packed image. Without decode it is refused: written as it is, it would be a failed flash.
type format struct {
	name, magic string
	tool        string // that unpacks it, where we do not
	decode      func(io.Reader) (io.ReadCloser, error)
}

// formats are told by their first bytes, never by the name. Sources: the formats' specifications.
var formats = []format{
	{"gzip", "\x1f\x8b\x08", "", func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }},
	{"xz", "\xfd7zXZ\x00", "", decodeXZ},
	{"zstd", "\x28\xb5\x2f\xfd", "", decodeZstd},
	{"bzip2", "BZh", "bunzip2 -k", nil},
	{"lz4", "\x04\x22\x4d\x18", "lz4 -d", nil},
	{"Android sparse", "\x3a\xff\x26\xed", "simg2img", nil},
}

func decodeXZ(r io.Reader) (io.ReadCloser, error) {
	x, err := xz.NewReader(r, maxWindow)
	return io.NopCloser(x), err
}

func decodeZstd(r io.Reader) (io.ReadCloser, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(2))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}
