package simboard

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pierrec/lz4/v4"
)

// Numbers of U-Boot's errors.
const (
	errnoProtocol       = 71 // the target is too small
	errnoProtoNoSupport = 93 // the frame is not one of LZ4
	inflateBuffer       = -5 // zlib's Z_BUF_ERROR
	inflateData         = -3 // zlib's Z_DATA_ERROR
)

var errTargetFull = errors.New("the target is full")

// ramReader reads memory from an address on.
type ramReader struct {
	r    *ram
	addr uint64
}

func (m *ramReader) Read(p []byte) (int, error) {
	if !m.r.has(m.addr, uint64(len(p))) {
		return 0, io.EOF
	}
	n := copy(p, m.r.read(m.addr, len(p)))
	m.addr += uint64(n)
	return n, nil
}

// ramWriter writes memory from an address on, up to a limit.
type ramWriter struct {
	r              *ram
	addr, n, limit uint64
}

func (m *ramWriter) Write(p []byte) (int, error) {
	if m.n+uint64(len(p)) > m.limit {
		return 0, errTargetFull
	}
	if err := m.r.write(m.addr+m.n, p); err != nil {
		return 0, err
	}
	m.n += uint64(len(p))
	return len(p), nil
}

const unzipLimit = ^uint64(0) >> 1

// unzip is "unzip SOURCE TARGET [SIZE]".
func unzip(u *bootloader, _ context.Context, args []string) (int, error) {
	if len(args) < 3 || len(args) > 4 {
		return u.usage("unzip")
	}
	a := hexArgs(args, 1)
	limit := uint64(unzipLimit)
	if len(args) == 4 {
		limit = a[2]
	}
	if magic := u.ram.read(a[0], 3); !bytes.Equal(magic, []byte{0x1f, 0x8b, 8}) {
		u.printf("Error: Bad gzipped data\n")
		return 1, nil
	}
	in, err := gzip.NewReader(&ramReader{&u.ram, a[0]})
	if err != nil {
		u.printf("Error: Bad gzipped data\n")
		return 1, nil
	}
	in.Multistream(false)
	out := &ramWriter{r: &u.ram, addr: a[1], limit: limit}
	switch _, err := io.Copy(out, in); {
	case errors.Is(err, errTargetFull):
		u.printf("Error: inflate() returned %d\n", inflateBuffer)
		return 1, nil
	case errors.Is(err, errNoMemory), errors.Is(err, errMemoryFull):
		return u.abort(err)
	case err != nil && !errors.Is(err, gzip.ErrChecksum): // U-Boot does not check the CRC
		u.printf("Error: inflate() returned %d\n", inflateData)
		return 1, nil
	}
	return u.unpacked(out.n)
}

// unpacked reports the size of what was unpacked.
func (u *bootloader) unpacked(n uint64) (int, error) {
	u.printf("Uncompressed size: %d = 0x%X\n", n, n)
	u.env["filesize"] = fmt.Sprintf("%x", n)
	return 0, nil
}

// unlz4 is "unlz4 SOURCE TARGET SIZE".
func unlz4(u *bootloader, _ context.Context, args []string) (int, error) {
	if len(args) != 4 {
		return u.usage("unlz4")
	}
	a := hexArgs(args, 1)
	if magic := u.ram.read(a[0], 4); !bytes.Equal(magic, []byte{0x04, 0x22, 0x4d, 0x18}) {
		u.printf("Uncompressed err :-%d\n", errnoProtoNoSupport)
		return 1, nil
	}
	out := &ramWriter{r: &u.ram, addr: a[1], limit: a[2]}
	switch _, err := io.Copy(out, lz4.NewReader(&ramReader{&u.ram, a[0]})); {
	case errors.Is(err, errNoMemory), errors.Is(err, errMemoryFull):
		return u.abort(err)
	case err != nil:
		u.printf("Uncompressed err :-%d\n", errnoProtocol)
		return 1, nil
	}
	return u.unpacked(out.n)
}
