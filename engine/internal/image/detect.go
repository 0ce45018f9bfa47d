package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"strings"
)

// formatOf returns the format of a file, nil if it is raw.
func formatOf(f io.ReaderAt) (*format, error) {
	var first *format // of the file, if it begins with skippable frames
	for off := int64(0); ; {
		head := make([]byte, headSize)
		n, err := f.ReadAt(head, off)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		p := formatBy(head[:n])
		size := skippableSize(head[:n])
		switch {
		case off == 0 && size == 0:
			return p, nil
		case off == 0:
			first = p
		case size == 0 || off > maxSkipped:
			return first.afterSkippable(p), nil
		}
		off += size
	}
}

// maxSkipped is where the first frame with content begins at the latest, in bytes.
const maxSkipped = 16 << 20

// skippableSize returns the size of a skippable frame that begins with head, 0 if it is another.
func skippableSize(head []byte) int64 {
	if len(head) < 8 || head[0]&0xf0 != skippable[0] || string(head[1:4]) != skippable[1:] {
		return 0
	}
	return 8 + int64(binary.LittleEndian.Uint32(head[4:]))
}

// afterSkippable returns the format of a file that begins with skippable frames, of the format f. next is that of
// what follows them: both zstd and lz4 have such frames.
func (f *format) afterSkippable(next *format) *format {
	if next != nil && (next.name == "zstd" || next.name == "lz4") {
		return next
	}
	return f
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
	if isTarHeader(head) && head[156] != typeVolume {
		return &oldTar
	}
	if isTarHeader(head) { // GNU tar begins with a label that has no magic
		return formatByName(".tar")
	}
	return nil
}

// oldTar is a tar without a magic. It is refused: its checksum is enough to refuse it, but not to trust the rest.
var oldTar = format{name: "old tar", tool: tarTool}

// isTarHeader reports whether head is a tar header, by its checksum: tars of 1979 have no magic. Source: POSIX
// pax, "ustar Interchange Format"; some implementations add signed bytes.
func isTarHeader(head []byte) bool {
	if len(head) < headSize || head[0] == 0 {
		return false
	}
	want, err := strconv.ParseInt(strings.Trim(string(head[148:156]), " \x00"), 8, 64)
	if err != nil {
		return false
	}
	unsigned, signed := int64(0), int64(0)
	for i, c := range head[:headSize] {
		if i >= 148 && i < 156 {
			c = ' '
		}
		unsigned, signed = unsigned+int64(c), signed+int64(int8(c))
	}
	return want == unsigned || want == signed
}
