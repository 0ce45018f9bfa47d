// Package bounded limits what others choose: counts in a file, the output of a program, the length of a text. It
// owns the arithmetic and the buffers; the callers choose the limits. It is not meant for embedders.
package bounded

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
)

// Add returns the sum of two counts. ok is false if one of them is negative or the sum does not fit.
func Add(a, b int64) (sum int64, ok bool) {
	if a < 0 || b < 0 || a > math.MaxInt64-b {
		return 0, false
	}
	return a + b, true
}

// Mul returns the product of two counts. ok is false if one of them is negative or the product does not fit.
func Mul(a, b int64) (product int64, ok bool) {
	if a < 0 || b < 0 || a != 0 && b > math.MaxInt64/a {
		return 0, false
	}
	return a * b, true
}

// RoundUp returns the smallest multiple of unit that is not less than n. ok is false if it does not fit.
func RoundUp(n, unit int64) (multiple int64, ok bool) {
	if n < 0 || unit <= 0 {
		return 0, false
	}
	if n%unit == 0 {
		return n, true
	}
	return Mul(n/unit+1, unit)
}

// errTooLong is the error of a source with more bytes than the limit.
var errTooLong = errors.New("it is too long")

// Reader returns a reader that returns an error when r has more than limit bytes.
func Reader(r io.Reader, limit int64) io.Reader { return &reader{r, limit} }

type reader struct {
	r    io.Reader
	left int64
}

func (b *reader) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLong
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, errTooLong
	}
	return n, err
}

// Line returns the next line of r without its end, cut at limit bytes. whole reports whether it has an end; the error
// io.EOF comes with the last line. The line is valid until the next read.
func Line(r *bufio.Reader, limit int) (line []byte, whole bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if whole = err == nil; whole {
			part = part[:len(part)-1]
		}
		if line == nil && err != bufio.ErrBufferFull {
			return part[:min(len(part), limit)], whole, err
		}
		line = append(line, part[:min(len(part), limit-len(line))]...)
		if err != bufio.ErrBufferFull {
			return line, whole, err
		}
	}
}

// Text returns s if it has at most limit bytes, otherwise its beginning and its end, with the number of bytes left
// out.
func Text(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	half := limit / 2
	head, tail := strings.ToValidUTF8(s[:half], ""), strings.ToValidUTF8(s[len(s)-half:], "")
	return fmt.Sprintf("%s … (%d bytes left out) … %s", head, len(s)-len(head)-len(tail), tail)
}

// List returns all if they are at most limit, otherwise the first and the last of them, with a line that counts
// the others.
func List(all []string, limit int) []string {
	if len(all) <= limit {
		return all
	}
	half := limit / 2
	kept := append(append([]string(nil), all[:half]...), fmt.Sprintf("… (%d left out) …", len(all)-2*half))
	return append(kept, all[len(all)-half:]...)
}

// Tail keeps the end of what is written to it. The zero value keeps nothing; set Limit first. It is safe for
// concurrent use.
type Tail struct {
	Limit int // bytes

	mu      sync.Mutex // mu guards what follows
	buf     []byte
	dropped int64 // bytes
}

// Write implements io.Writer. It never fails.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if drop := n - t.Limit; drop > 0 {
		p, t.dropped = p[drop:], t.dropped+int64(drop)
	}
	if drop := len(t.buf) + len(p) - t.Limit; drop > 0 {
		t.buf = t.buf[:copy(t.buf, t.buf[drop:])]
		t.dropped += int64(drop)
	}
	t.buf = append(t.buf, p...)
	return n, nil
}

// Reset drops what was kept, and the count of dropped bytes.
func (t *Tail) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf, t.dropped = nil, 0
}

// String returns what was kept as text, after the number of bytes that were dropped.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.TrimSpace(strings.ToValidUTF8(string(t.buf), "?"))
	if t.dropped > 0 {
		return fmt.Sprintf("(%d bytes left out) … %s", t.dropped, text)
	}
	return text
}
