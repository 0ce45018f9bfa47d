package image

import (
	"archive/zip"
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"github.com/klauspost/compress/flate"
)

// maxDirectory is how much of a zip is read to find the file in it, in bytes.
const maxDirectory = 16 << 20

// zipFile is the only file in a zip. At its end it compares length and checksum with those in the directory of the
// zip.
type zipFile struct {
	entry  *zip.File
	packed *bufio.Reader
	in     io.Reader
	n      uint64
	crc    uint32
}

// decodeZip opens the only file in a zip.
func decodeZip(_ context.Context, r io.ReaderAt, size int64, _ cpus) (io.ReadCloser, bool, error) {
	at := &limitedReaderAt{r, maxDirectory}
	entry, err := onlyEntry(at, size)
	if err != nil {
		return nil, true, err
	}
	at.left = math.MaxInt64
	const encrypted = 1
	if entry.Flags&encrypted != 0 || entry.Method != zip.Store && entry.Method != zip.Deflate {
		return nil, true, errMember
	}
	raw, err := entry.OpenRaw()
	if err != nil {
		return nil, true, err
	}
	f := &zipFile{entry: entry, packed: bufio.NewReaderSize(raw, 256<<10)}
	if f.in = f.packed; entry.Method == zip.Deflate {
		f.in = flate.NewReader(f.packed)
	}
	return f, true, nil
}

func declaredZip(r io.ReaderAt, size int64) int64 {
	entry, err := onlyEntry(&limitedReaderAt{r, maxDirectory}, size)
	if err != nil || entry.UncompressedSize64 > math.MaxInt64 {
		return 0
	}
	return int64(entry.UncompressedSize64)
}

// onlyEntry returns the only file in a zip.
func onlyEntry(r io.ReaderAt, size int64) (*zip.File, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, err
	}
	a := &archive{tool: zipTool}
	var found *zip.File
	for _, f := range z.File {
		if mode := f.Mode(); !mode.IsDir() && a.add(f.Name, mode.IsRegular()) {
			found = f
		}
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	return found, nil
}

func (f *zipFile) memberName() string { return f.entry.Name }

func (f *zipFile) Close() error { return nil }

func (f *zipFile) Read(p []byte) (int, error) {
	n, err := f.in.Read(p)
	f.n += uint64(n)
	f.crc = crc32.Update(f.crc, crc32.IEEETable, p[:n])
	switch {
	case f.n > f.entry.UncompressedSize64:
		return n, fmt.Errorf("its file has more than the %d bytes that the zip says", f.entry.UncompressedSize64)
	case err != io.EOF:
		return n, err
	case f.n != f.entry.UncompressedSize64:
		return n, io.ErrUnexpectedEOF
	case f.crc != f.entry.CRC32:
		return n, zip.ErrChecksum
	}
	if err := expectEOF(f.packed); err != nil {
		return n, err
	}
	return n, io.EOF
}

// limitedReaderAt returns an error after left bytes.
type limitedReaderAt struct {
	io.ReaderAt
	left int64
}

func (l *limitedReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if l.left -= int64(len(p)); l.left < 0 {
		return 0, errors.New("its directory is too large")
	}
	return l.ReaderAt.ReadAt(p, off)
}
