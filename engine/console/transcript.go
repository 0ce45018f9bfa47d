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
	mu    sync.Mutex
	w     io.Writer
	hide  *Secrets
	err   error
	sent  bool
	at    time.Time
	line  []byte       // of the direction that sent names
	cut   int          // bytes of line that are a part of a secret whose stars are written
	other []byte       // of the other direction: the end of what was written, which a secret may begin with
	echo  typedSecrets // in what comes from the board
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
		t.turn()
		t.at = at
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

// typed notes that a secret is typed: what comes next may be its echo.
func (t *Transcript) typed(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.hide == nil {
		t.hide = NewSecrets()
	}
	t.end()
	t.hide.Add(text)
	t.echo.typed(text)
}

// turn goes on to the other direction. A secret that may have begun at the end of the line waits for what follows it.
func (t *Transcript) turn() {
	n := len(t.line)
	if t.cut == 0 {
		n = t.whole()
	}
	rest := t.part(n)
	t.sent, t.line, t.other = !t.sent, t.other, rest
}

// whole returns the length of the beginning of the line across whose end no secret lies.
func (t *Transcript) whole() int {
	text := string(t.line)
	n := len(text) - t.hide.begun(text)
	for _, p := range merged(t.hide.spans(text)) {
		if p.from < n && n < p.to {
			return p.from
		}
	}
	return n
}

// part writes the first n bytes of the line and returns the others.
func (t *Transcript) part(n int) []byte {
	rest := bytes.Clone(t.line[n:])
	t.line = t.line[:n]
	t.flush()
	return rest
}

// wrap writes most of a line that does not end. The stars of secrets that overlap without an end are cut.
func (t *Transcript) wrap() {
	for len(t.line) >= 2*maxMatch {
		n, cut := t.whole(), 0
		if n == 0 {
			n = maxMatch
			for _, p := range merged(t.spans()) {
				if p.from < n && n < p.to {
					cut = p.to - n
				}
			}
		}
		t.line = t.part(n)
		t.cut = cut
	}
}

// spans returns the places of whole secrets in the line.
func (t *Transcript) spans() []span {
	all := t.hide.spans(string(t.line))
	if t.cut > 0 {
		all = append(all, span{0, t.cut})
	}
	return all
}

// Note writes a remark of flashlua's own, marked with #.
func (t *Transcript) Note(at time.Time, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn()
	t.turn()
	t.write(at, '#', t.hide.Mask(text))
}

func (t *Transcript) flush() {
	if len(t.line) == 0 {
		return
	}
	mark, spans := byte('>'), t.spans()
	if !t.sent {
		mark = '<'
		spans = append(spans, t.echo.next(t.line)...)
	}
	t.write(t.at, mark, starred(string(bytes.TrimSuffix(bytes.TrimSuffix(t.line, []byte("\n")), []byte("\r"))), spans))
	t.line, t.cut = t.line[:0], 0
}

func (t *Transcript) write(at time.Time, mark byte, line string) {
	quoted := strconv.QuoteToGraphic(line)
	text := bytes.ReplaceAll([]byte(quoted[1:len(quoted)-1]), []byte(`\"`), []byte(`"`))
	if _, err := fmt.Fprintf(t.w, "%s %c %s\n", at.UTC().Format("2006-01-02T15:04:05.000Z"), mark, text); err != nil && t.err == nil {
		t.err = err
	}
}

// Close writes the last lines if they have no end, and gives the first error.
func (t *Transcript) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end()
	return t.err
}

// end writes what waits, of both directions.
func (t *Transcript) end() {
	t.flush()
	t.turn()
	t.flush()
	t.turn()
}
