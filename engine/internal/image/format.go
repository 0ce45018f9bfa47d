package image

import (
	"bufio"
	"compress/bzip2"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/therootcompany/xz"
)

const (
	// maxWindow is the most memory that a compressed image may ask of its decoder.
	maxWindow = 128 << 20
	// innerWindow is the same for a compressed image within a compressed one.
	innerWindow = 16 << 20
)

// format is a format of compressed images. A format without decode is refused, because writing such a file
// unchanged would be a failed flash.
type format struct {
	name, magic string
	at          int                                                    // offset of the magic in bytes
	ext         string                                                 // extension that only such files have; may be empty
	tool        string                                                 // command that decodes FILE, if decode is nil
	decode      func(r io.Reader, window int64) (io.ReadCloser, error) // with at most window bytes of memory
	// blocks decodes in parallel; not ok is a file that cannot be split.
	blocks func(ctx context.Context, r io.ReaderAt, size int64, c cpus) (rc io.ReadCloser, ok bool, err error)
	// declared returns how many bytes a file of size bytes says that it unpacks to, 0 if it does not say. It may be
	// nil.
	declared func(r io.ReaderAt, size int64) int64
}

// formats are detected by content, never by name. Sources: the formats' specifications.
var formats = []format{
	{"gzip", "\x1f\x8b\x08", 0, ".gz", "", decodeGzip, nil, nil},
	{"xz", "\xfd7zXZ\x00", 0, ".xz", "", decodeXZ, decodeXZBlocks, declaredXZ},
	{"zstd", "\x28\xb5\x2f\xfd", 0, ".zst", "", decodeZstd, nil, declaredZstd},
	{"zstd", skippable, 0, ".zst", "", decodeZstd, nil, nil}, // as pzstd begins
	{"bzip2", "BZh", 0, ".bz2", "", decodeBzip2, nil, nil},
	{"lz4", "\x04\x22\x4d\x18", 0, ".lz4", "", decodeLZ4, nil, declaredLZ4},
	{"lz4", "\x02\x21\x4c\x18", 0, ".lz4", "", decodeLZ4, nil, nil}, // as lz4 -l begins
	{"Android sparse", "\x3a\xff\x26\xed", 0, ".simg", "", decodeSparse, nil, declaredSparse},
	{"zip", "PK\x03\x04", 0, ".zip", "unzip FILE", nil, nil, nil},
	{"7z", "7z\xbc\xaf\x27\x1c", 0, ".7z", "7z x FILE", nil, nil, nil},
	{"rar", "Rar!\x1a\x07", 0, ".rar", "unrar x FILE", nil, nil, nil},
	{"lzip", "LZIP", 0, ".lz", "lzip -d FILE", nil, nil, nil},
	{"lzma", "\x5d\x00\x00", 0, ".lzma", "unlzma FILE", nil, nil, nil},
	{"compress", "\x1f\x9d", 0, ".z", "uncompress FILE", nil, nil, nil},
	{"qcow2", "QFI\xfb", 0, ".qcow2", toRaw, nil, nil, nil},
	{"VMDK", "KDMV", 0, "", toRaw, nil, nil, nil},
	{"VDI", "<<< ", 0, ".vdi", toRaw, nil, nil, nil},
	{"VHDX", "vhdxfile", 0, ".vhdx", toRaw, nil, nil, nil},
	{"VHD", "conectix", 0, "", toRaw, nil, nil, nil}, // a VHD of fixed size is raw, and so may a VMDK be
	{"lzop", "\x89LZO", 0, ".lzo", "lzop -d FILE", nil, nil, nil},
	{"cpio", "07070", 0, ".swu", "cpio -id <FILE", nil, nil, nil},
	{"ar", "!<arch>\n", 0, ".deb", "ar x FILE", nil, nil, nil},
	{"tar", "ustar", 257, ".tar", "tar -xf FILE", nil, nil, nil},
}

// toRaw is the command that converts virtual disks.
const toRaw = "qemu-img convert -O raw FILE disk.img"

// headSize is how many bytes are needed to detect a format.
const headSize = 257 + 5

// skippable is the magic of a frame that may be anywhere in a zstd file; the low digit of its first byte varies.
const skippable = "\x50\x2a\x4d\x18"

// formatByName returns the format that a file's extension names. A file of another content is damaged, or a page
// that a server sent instead: writing it unchanged would be a failed flash.
func formatByName(name string) string {
	for _, f := range formats {
		if f.ext != "" && strings.HasSuffix(strings.ToLower(name), f.ext) {
			return f.name
		}
	}
	return ""
}

// decodeGzip decodes several concatenated members, and ignores zeros after the last, which tapes and dd leave, as
// gzip does.
func decodeGzip(r io.Reader, _ int64) (io.ReadCloser, error) {
	in := bufio.NewReader(r)
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return &gzipMembers{z, in}, nil
}

// gzipMembers are the members of a gzip file. The reader is not embedded, because its WriteTo would bypass Read.
type gzipMembers struct {
	z  *gzip.Reader
	in *bufio.Reader
}

func (m *gzipMembers) Close() error { return m.z.Close() }

func (m *gzipMembers) Read(p []byte) (int, error) {
	for {
		n, err := m.z.Read(p)
		if err != io.EOF {
			return n, err
		}
		next, err := m.in.Peek(1)
		if err == nil && next[0] == 0 {
			return n, onlyZeros(m.in)
		}
		if err == nil {
			if err = m.z.Reset(m.in); err == nil {
				m.z.Multistream(false)
			}
		}
		if n > 0 || err != nil || len(p) == 0 { // a thousand members in a row may be empty
			return n, err
		}
	}
}

// onlyZeros reads to the end. It returns io.EOF if there are only zeros before it.
func onlyZeros(r io.ByteReader) error {
	for {
		c, err := r.ReadByte()
		if err == nil && c != 0 {
			err = errors.New("something else follows it")
		}
		if err != nil {
			return err
		}
	}
}

func decodeBzip2(r io.Reader, _ int64) (io.ReadCloser, error) {
	return io.NopCloser(bzip2.NewReader(r)), nil
}

// decodeLZ4 decodes several concatenated frames, as lz4 does.
func decodeLZ4(r io.Reader, _ int64) (io.ReadCloser, error) {
	in := bufio.NewReader(r)
	return io.NopCloser(&lz4Frames{lz4.NewReader(in), in}), nil
}

type lz4Frames struct {
	*lz4.Reader
	in *bufio.Reader
}

func (f *lz4Frames) Read(p []byte) (int, error) {
	for {
		n, err := f.Reader.Read(p)
		if err != io.EOF || n > 0 {
			return n, err
		}
		if _, err := f.in.Peek(1); err != nil {
			return 0, err
		}
		f.Reset(f.in)
	}
}

func decodeXZ(r io.Reader, window int64) (io.ReadCloser, error) {
	x, err := xz.NewReader(r, uint32(window))
	return io.NopCloser(x), err
}

func decodeZstd(r io.Reader, window int64) (io.ReadCloser, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(uint64(window)), zstd.WithDecoderConcurrency(2))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}
