package serve

import (
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/flashlua/flashlua/engine/input"
)

// FileBacked is a content whose bytes are, in part, those of a file.
type FileBacked interface {
	// File returns the file that holds the byte at off, its offset there, and how many bytes follow it; n is 0 if
	// no file holds it.
	File(off int64) (f *os.File, at, n int64)
}

// pieceSize is the bytes that are sent between two reports.
const pieceSize = 1 << 20

// cursor reads a part of a content for one transfer.
type cursor struct {
	content Content
	from    int64 // offset in the content
	size    int64
	off     int64
	source  *os.File // the file that private is another descriptor of
	private *os.File // descriptor with an offset of its own
}

func (c *cursor) Read(p []byte) (int, error) {
	if c.off >= c.size {
		return 0, io.EOF
	}
	n, err := c.content.ReadAt(p[:min(int64(len(p)), c.size-c.off)], c.from+c.off)
	c.off += int64(n)
	if err == io.EOF && n > 0 {
		err = nil
	}
	return n, err
}

// Seek implements io.Seeker as far as http.ServeContent needs it.
func (c *cursor) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
		c.off = off
	case io.SeekCurrent:
		c.off += off
	case io.SeekEnd:
		c.off = c.size + off
	}
	return c.off, nil
}

// file returns up to maxSize bytes from the current offset as a file, nil if they are in none.
func (c *cursor) file(maxSize int64) *io.LimitedReader {
	filed, ok := c.content.ReaderAt.(FileBacked)
	if !ok {
		return nil
	}
	f, at, n := filed.File(c.from + c.off)
	if n = min(n, maxSize, c.size-c.off); n <= 0 {
		return nil
	}
	if c.source != f {
		c.close()
		private, err := input.Open(fmt.Sprintf("/proc/self/fd/%d", f.Fd())) // the file may have no name
		if err != nil {
			return nil
		}
		c.source, c.private = f, private
	}
	if _, err := c.private.Seek(at, io.SeekStart); err != nil {
		return nil
	}
	return &io.LimitedReader{R: c.private, N: n}
}

func (c *cursor) close() {
	if c.private != nil {
		c.private.Close()
		c.source, c.private = nil, nil
	}
}

// countingWriter reports the bytes that are sent.
type countingWriter struct {
	http.ResponseWriter
	sent func(int64)
}

func (c countingWriter) count(n int64) {
	if c.sent != nil {
		c.sent(n)
	}
}

func (c countingWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.count(int64(n))
	return n, err
}

// ReadFrom is called by io.Copy. It sends parts of files without a copy.
func (c countingWriter) ReadFrom(r io.Reader) (total int64, err error) {
	limited, ok := r.(*io.LimitedReader)
	if !ok {
		return io.Copy(writerOnly{c}, r)
	}
	from, ok := limited.R.(*cursor)
	if !ok {
		return io.Copy(writerOnly{c}, r)
	}
	buf := make([]byte, 0)
	for limited.N > 0 && err == nil {
		var n int64
		if piece := from.file(min(pieceSize, limited.N)); piece != nil {
			n, err = io.Copy(c.ResponseWriter, piece)
			from.off += n
			c.count(n)
			if n == 0 && err == nil {
				err = io.ErrUnexpectedEOF
			}
		} else {
			if len(buf) == 0 {
				buf = make([]byte, 64<<10)
			}
			var m int
			if m, err = from.Read(buf[:min(int64(len(buf)), limited.N)]); m > 0 {
				var werr error
				m, werr = c.Write(buf[:m])
				if werr != nil {
					err = werr
				}
			}
			n = int64(m)
		}
		limited.N -= n
		total += n
	}
	if err == io.EOF {
		err = nil
	}
	return total, err
}

// writerOnly hides ReadFrom.
type writerOnly struct{ io.Writer }
