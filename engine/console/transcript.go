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
	err  error
	sent bool
	at   time.Time
	line []byte
}

// NewTranscript writes to w, one Write a line.
func NewTranscript(w io.Writer) *Transcript { return &Transcript{w: w} }

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
		if i < 0 && len(t.line)+len(p) < lineReach {
			t.line = append(t.line, p...)
			return
		}
		if i < 0 {
			i = len(p) - 1
		}
		t.line = append(t.line, p[:i+1]...)
		t.flush()
		p = p[i+1:]
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
	quoted := strconv.QuoteToGraphic(string(line))
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
