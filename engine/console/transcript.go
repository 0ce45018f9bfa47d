package console

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"
)

// Transcript writes what passed, one line of the console a line, with the time and the direction (< from the board,
// > to it). Control bytes and escape sequences are made visible. The first error of the writer is kept for Err.
type Transcript struct {
	mu   sync.Mutex
	w    io.Writer
	hide *Secrets
	err  error
	sent bool
	at   time.Time
	line []byte
}

// NewTranscript writes to w, one Write a line. w must not block: the console waits for it.
func NewTranscript(w io.Writer) *Transcript { return &Transcript{w: w} }

// Hide makes stars of secrets from now on.
func (t *Transcript) Hide(s *Secrets) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hide = s
}

// Record implements Recorder.
func (t *Transcript) Record(at time.Time, sent bool, p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if sent != t.sent {
		t.flush()
		t.sent = sent
	}
	for len(p) > 0 {
		if len(t.line) == 0 {
			t.at = at
		}
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			t.line = append(t.line, p...)
			t.wrap()
			return
		}
		t.line = append(t.line, p[:i+1]...)
		t.flush()
		p = p[i+1:]
	}
}

// wrap writes most of a line that does not end. A secret may begin in what is left.
func (t *Transcript) wrap() {
	for len(t.line) >= 2*lineReach {
		t.line = []byte(t.hide.Mask(string(t.line)))
		cut := max(len(t.line)-t.hide.longest(), lineReach)
		rest := bytes.Clone(t.line[min(cut, len(t.line)):])
		t.line = t.line[:min(cut, len(t.line))]
		t.flush()
		t.line = append(t.line, rest...)
	}
}

// Note writes a remark of flashlua's own, marked with #.
func (t *Transcript) Note(at time.Time, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flush()
	t.write(at, '#', []byte(text))
}

func (t *Transcript) flush() {
	if len(t.line) == 0 {
		return
	}
	mark := byte('<')
	if t.sent {
		mark = '>'
	}
	t.write(t.at, mark, bytes.TrimSuffix(bytes.TrimSuffix(t.line, []byte("\n")), []byte("\r")))
	t.line = t.line[:0]
}

func (t *Transcript) write(at time.Time, mark byte, line []byte) {
	quoted := strconv.QuoteToGraphic(t.hide.Mask(string(line)))
	text := bytes.ReplaceAll([]byte(quoted[1:len(quoted)-1]), []byte(`\"`), []byte(`"`))
	if _, err := fmt.Fprintf(t.w, "%s %c %s\n", at.UTC().Format("2006-01-02T15:04:05.000Z"), mark, text); err != nil && t.err == nil {
		t.err = err
	}
}

// Close writes the last line if it has no end, and gives the first error.
func (t *Transcript) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flush()
	return t.err
}
