package image

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
)

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

// decodeBzip2 decodes several concatenated streams, and ignores zeros after the last, as bzip2 does.
func decodeBzip2(r io.Reader, _ int64) (io.ReadCloser, error) {
	in := &bzip2Input{in: bufio.NewReader(r)}
	return io.NopCloser(&bzip2Streams{Reader: bzip2.NewReader(in), in: in}), nil
}

type bzip2Streams struct {
	io.Reader
	in    *bzip2Input
	ended bool // zeros after the last stream were read
}

func (s *bzip2Streams) Read(p []byte) (int, error) {
	if s.ended {
		return 0, io.EOF
	}
	n, err := s.Reader.Read(p)
	if errors.Is(err, errContinuation) && s.in.last == [2]byte{} {
		err = onlyZeros(s.in.in)
		s.ended = err == io.EOF
	}
	return n, err
}

// errContinuation is the error of compress/bzip2 for two bytes after a stream that do not begin another one.
const errContinuation = bzip2.StructuralError("bad magic value in continuation file")

// bzip2Input remembers the last two bytes that were read. It appends two zeros to a file that ends with one: a
// single zero after a stream is then at least two, which the decoder can tell from a truncated stream.
type bzip2Input struct {
	in    *bufio.Reader
	last  [2]byte
	begun bool
	added int // zeros that were appended
}

// Read is not used: the decoder calls ReadByte.
func (b *bzip2Input) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

func (b *bzip2Input) ReadByte() (byte, error) {
	c, err := b.in.ReadByte()
	if err == io.EOF && b.begun && b.added < 2 && b.last[1] == 0 {
		b.added++
		c, err = 0, nil
	}
	if err == nil {
		b.begun = true
		b.last = [2]byte{b.last[1], c}
	}
	return c, err
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
