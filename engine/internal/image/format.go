package image

import (
	"context"
	"io"
)

const (
	// maxWindow is the most memory that a compressed image may ask of its decoder.
	maxWindow = 128 << 20
	// innerWindow is the same for a compressed image within a compressed one.
	innerWindow = 16 << 20
)

// format is a format of compressed images, archives and virtual disks. A format without decode and decodeAt is
// refused, because writing such a file unchanged would be a failed flash.
type format struct {
	name, magic string
	at          int    // offset of the magic in bytes
	exts        string // extensions that only such files have, with spaces between them; may be empty
	tool        string // command that unpacks FILE, if flashlua cannot
	packs       bool   // the decoder needs much memory
	// decode decodes a stream, with at most window bytes of memory.
	decode func(r io.Reader, window int64) (io.ReadCloser, error)
	// decodeAt decodes a file that can be read anywhere, where it can in parallel; not ok is a file that decode must
	// decode. It may be nil.
	decodeAt func(ctx context.Context, r io.ReaderAt, size int64, c cpus) (rc io.ReadCloser, ok bool, err error)
	// declared returns how many bytes a file of size bytes says that it unpacks to, 0 if it does not say. It may be
	// nil.
	declared func(r io.ReaderAt, size int64) int64
}

// formats are detected by content. Sources: the formats' specifications.
var formats = []format{
	{name: "gzip", magic: "\x1f\x8b\x08", exts: ".gz", decode: decodeGzip},
	{name: "xz", magic: "\xfd7zXZ\x00", exts: ".xz", packs: true, decode: decodeXZ, decodeAt: decodeXZBlocks, declared: declaredXZ},
	{name: "zstd", magic: "\x28\xb5\x2f\xfd", exts: ".zst .zstd", packs: true, decode: decodeZstd, declared: declaredZstd},
	{name: "zstd", magic: skippable, packs: true, decode: decodeZstd}, // nothing follows that lz4 can decode
	{name: "bzip2", magic: "BZh", exts: ".bz2", decode: decodeBzip2},
	{name: "lz4", magic: "\x04\x22\x4d\x18", exts: ".lz4", decode: decodeLZ4, declared: declaredLZ4},
	{name: "lz4", magic: "\x02\x21\x4c\x18", decode: decodeLZ4}, // as lz4 -l begins
	{name: sparseName, magic: "\x3a\xff\x26\xed", exts: ".simg", decode: decodeSparse, declared: declaredSparse},
	{name: "zip", magic: "PK\x03\x04", exts: ".zip", tool: zipTool, decodeAt: decodeZip, declared: declaredZip},
	{name: "zip", magic: "PK\x05\x06", tool: zipTool, decodeAt: decodeZip}, // as an empty one begins
	{name: "tar", magic: "ustar", at: 257, exts: ".tar", tool: tarTool, decode: decodeTar},
	{name: "7z", magic: "7z\xbc\xaf\x27\x1c", exts: ".7z", tool: "7z x FILE"},
	{name: "rar", magic: "Rar!\x1a\x07", exts: ".rar", tool: "unrar x FILE"},
	{name: "lzip", magic: "LZIP", exts: ".lz", tool: "lzip -d FILE"},
	{name: "lzma", magic: "\x5d\x00\x00", exts: ".lzma", tool: "unlzma FILE"},
	{name: "compress", magic: "\x1f\x9d", exts: ".z", tool: "uncompress FILE"},
	{name: "lzop", magic: "\x89LZO", exts: ".lzo", tool: "lzop -d FILE"},
	{name: "qcow2", magic: "QFI\xfb", exts: ".qcow2 .qcow", tool: toRaw},
	{name: "VMDK", magic: "KDMV", exts: ".vmdk", tool: toRaw},
	{name: "VMDK", magic: "COWD", tool: toRaw},
	{name: "VDI", magic: "<<< ", exts: ".vdi", tool: toRaw},
	{name: "VHDX", magic: "vhdxfile", exts: ".vhdx", tool: toRaw},
	{name: "VHD", magic: "conectix", tool: toRaw}, // a VHD of fixed size is raw
	{name: "QED", magic: "QED\x00", exts: ".qed", tool: toRaw},
	{name: "cpio", magic: "07070", exts: ".swu .cpio", tool: "cpio -id <FILE"},
	{name: "ar", magic: "!<arch>\n", exts: ".deb .ipk", tool: "ar x FILE"},
	{name: "rpm", magic: "\xed\xab\xee\xdb", exts: ".rpm", tool: "rpm2cpio FILE | cpio -id"},
	{name: "cab", magic: "MSCF\x00\x00\x00\x00", exts: ".cab", tool: "cabextract FILE"},
	{name: "xar", magic: "xar!", exts: ".xar", tool: "xar -xf FILE"},
	{name: "WIM", magic: "MSWIM\x00\x00\x00", exts: ".wim", tool: "wimlib-imagex apply FILE DIRECTORY"},
	{name: "Android OTA payload", magic: "CrAU", tool: "payload-dumper-go FILE"},
}

// Commands that convert virtual disks, and unpack archives.
const (
	toRaw   = "qemu-img convert -O raw FILE disk.img"
	tarTool = "tar -xf FILE"
	zipTool = "unzip FILE"
)

// headSize is how many bytes are needed to detect a format.
const headSize = 512

// sparseName is the name of Android's sparse format.
const sparseName = "Android sparse"

// skippable is the magic of a frame without content, which may be anywhere in a zstd or lz4 file; the low digit of
// its first byte varies.
const skippable = "\x50\x2a\x4d\x18"
