package console

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"
)

// Transcript is a Recorder that writes each line of the console as one line, with the time and the direction (<
// from the board, > to it). Control bytes and escape sequences are made visible. Close returns the first error of
// the writer. It is safe for concurrent use.
type Transcript struct {
	name string // of the console, before the direction; "" is the board's first

	mu       sync.Mutex    // mu guards what follows
	others   []*Transcript // that Named returned
	w        io.Writer
	secrets  *Secrets
	err      error
	sent     bool         // the direction of line
	at       time.Time    // when line began
	line     []byte       // not written yet
	masked   int          // bytes at the beginning of line that belong to a secret whose stars are written
	heldBack []byte       // of the other direction: it may be the beginning of a secret
	echo     typedSecrets // in what comes from the board
}

// NewTranscript returns a Transcript that writes to w, one Write a line. w must not block: the console waits for
// it.
func NewTranscript(w io.Writer) *Transcript { return &Transcript{w: w} }

// Named returns a Transcript of another console, which writes its lines to the same writer with a name before the
// direction. Close of t closes it, too.
func (t *Transcript) Named(name string) *Transcript {
	t.mu.Lock()
	defer t.mu.Unlock()
	other := &Transcript{name: t.name + name + " ", w: sharedWriter{t}, secrets: t.secrets}
	t.others = append(t.others, other)
	return other
}

// sharedWriter writes to the writer of a transcript, one line at a time.
type sharedWriter struct{ t *Transcript }

func (w sharedWriter) Write(line []byte) (int, error) {
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	n, err := w.t.w.Write(line)
	if err != nil && w.t.err == nil {
		w.t.err = err
	}
	return n, err
}

// Hide writes stars in place of secrets from now on.
func (t *Transcript) Hide(s *Secrets) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.secrets = s
}

// Record implements Recorder.
func (t *Transcript) Record(at time.Time, sent bool, p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if sent != t.sent {
		t.switchDirection()
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

// expectEcho adds a secret that is typed: what comes next may be its echo.
func (t *Transcript) expectEcho(secret string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.secrets == nil {
		t.secrets = NewSecrets()
	}
	t.flushBoth()
	t.secrets.Add(secret)
	t.echo.expect(secret)
}

// switchDirection writes the line and changes the direction. The end of the line is held back if it may be the
// beginning of a secret.
func (t *Transcript) switchDirection() {
	n := len(t.line)
	if t.masked == 0 {
		n = t.splitPoint()
	}
	rest := t.flushPrefix(n)
	t.sent, t.line, t.heldBack = !t.sent, t.heldBack, rest
}

// splitPoint returns the index in the line at which the line can be split without splitting a secret.
func (t *Transcript) splitPoint() int {
	text := string(t.line)
	n := len(text) - t.secrets.partialSuffix(text)
	for _, p := range merged(t.secrets.spans(text)) {
		if p.from < n && n < p.to {
			return p.from
		}
	}
	return n
}

// flushPrefix writes the first n bytes of the line and returns the others.
func (t *Transcript) flushPrefix(n int) []byte {
	rest := bytes.Clone(t.line[n:])
	t.line = t.line[:n]
	t.flush()
	return rest
}

// wrap writes most of a line that does not end. Secrets that overlap without an end are split.
func (t *Transcript) wrap() {
	for len(t.line) >= 2*maxMatch {
		n, masked := t.splitPoint(), 0
		if n == 0 {
			n = maxMatch
			for _, p := range merged(t.spans()) {
				if p.from < n && n < p.to {
					masked = p.to - n
				}
			}
		}
		t.line = t.flushPrefix(n)
		t.masked = masked
	}
}

// spans returns the whole secrets in the line.
func (t *Transcript) spans() []span {
	all := t.secrets.spans(string(t.line))
	if t.masked > 0 {
		all = append(all, span{0, t.masked})
	}
	return all
}

// Note writes a remark of flashlua itself, marked with #.
func (t *Transcript) Note(at time.Time, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.switchDirection()
	t.switchDirection()
	t.write(at, '#', t.secrets.Mask(text))
}

// flush writes the line.
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
	t.line, t.masked = t.line[:0], 0
}

// write writes one line of the transcript.
func (t *Transcript) write(at time.Time, mark byte, line string) {
	quoted := strconv.QuoteToGraphic(line)
	text := bytes.ReplaceAll([]byte(quoted[1:len(quoted)-1]), []byte(`\"`), []byte(`"`))
	if _, err := fmt.Fprintf(t.w, "%s %s%c %s\n", at.UTC().Format("2006-01-02T15:04:05.000Z"), t.name, mark, text); err != nil && t.err == nil {
		t.err = err
	}
}

// Close writes the last line of each direction, and returns the first error of the writer.
func (t *Transcript) Close() error {
	t.mu.Lock()
	others := t.others
	t.mu.Unlock()
	var failed error
	for _, other := range others {
		failed = cmp.Or(failed, other.Close())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flushBoth()
	return cmp.Or(t.err, failed)
}

// flushBoth writes the line of each direction.
func (t *Transcript) flushBoth() {
	t.flush()
	t.switchDirection()
	t.flush()
	t.switchDirection()
}
