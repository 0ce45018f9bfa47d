// Package bounded bounds what others choose: counts in a file, the output of a program, the length of a text. It owns the
// arithmetic and the buffers; how much is too much is its callers' decision.
package bounded

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
)

// Add returns a + b of two counts. It is not ok if one of them is negative or the sum does not fit.
func Add(a, b int64) (sum int64, ok bool) {
	if a < 0 || b < 0 || a > math.MaxInt64-b {
		return 0, false
	}
	return a + b, true
}

// Mul returns a * b of two counts. It is not ok if one of them is negative or the product does not fit.
func Mul(a, b int64) (product int64, ok bool) {
	if a < 0 || b < 0 || a != 0 && b > math.MaxInt64/a {
		return 0, false
	}
	return a * b, true
}

// RoundUp returns the smallest multiple of unit that is not less than n. It is not ok if that does not fit.
func RoundUp(n, unit int64) (multiple int64, ok bool) {
	if n < 0 || unit <= 0 {
		return 0, false
	}
	if n%unit == 0 {
		return n, true
	}
	return Mul(n/unit+1, unit)
}

// ErrTooLong is the error of a source that has more bytes than its reader takes.
var ErrTooLong = errors.New("it is too long")

// Reader returns a reader that fails with ErrTooLong when r has more than most bytes.
func Reader(r io.Reader, most int64) io.Reader { return &reader{r, most} }

type reader struct {
	r    io.Reader
	left int64
}

func (b *reader) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, ErrTooLong
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, ErrTooLong
	}
	return n, err
}

// Text returns s if it has at most so many bytes, else its beginning and its end, with the number of bytes between them.
func Text(s string, most int) string {
	if len(s) <= most {
		return s
	}
	half := most / 2
	head, tail := strings.ToValidUTF8(s[:half], ""), strings.ToValidUTF8(s[len(s)-half:], "")
	return fmt.Sprintf("%s … (%d bytes left out) … %s", head, len(s)-len(head)-len(tail), tail)
}

// List returns all if they are at most so many, else the first and the last of them, with a line that counts the others.
func List(all []string, most int) []string {
	if len(all) <= most {
		return all
	}
	half := most / 2
	kept := append(append([]string(nil), all[:half]...), fmt.Sprintf("… (%d left out) …", len(all)-2*half))
	return append(kept, all[len(all)-half:]...)
}

// Tail keeps the end of what is written to it. The zero value keeps nothing; set Limit first. It is safe for concurrent
// use.
type Tail struct {
	Limit int // bytes

	mu  sync.Mutex // mu guards what follows
	buf []byte
	cut int64 // bytes that were dropped
}

// Write implements io.Writer. It never fails.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if drop := n - t.Limit; drop > 0 {
		p, t.cut = p[drop:], t.cut+int64(drop)
	}
	if drop := len(t.buf) + len(p) - t.Limit; drop > 0 {
		t.buf = t.buf[:copy(t.buf, t.buf[drop:])]
		t.cut += int64(drop)
	}
	t.buf = append(t.buf, p...)
	return n, nil
}

// Reset drops what was kept, and the count of what was dropped before.
func (t *Tail) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf, t.cut = nil, 0
}

// String returns what was kept as text, with the number of bytes that were dropped before it.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.TrimSpace(strings.ToValidUTF8(string(t.buf), "?"))
	if t.cut > 0 {
		return fmt.Sprintf("(%d bytes left out) … %s", t.cut, text)
	}
	return text
}
