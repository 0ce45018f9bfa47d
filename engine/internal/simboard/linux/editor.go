package linux

import (
	"bytes"
	"context"
	"io"
)

const maxLine = 1022 // bytes, the limit of busybox's editor

// editor reads one line as busybox's shell does: it asks the terminal for the position of the cursor, echoes,
// and goes to the next line itself at the last column.
type editor struct {
	*terminal
	prompt string
	line   []byte
	echoed bytes.Buffer
}

// readCommand returns one line without its end: errInterrupt after Ctrl-C, io.EOF after Ctrl-D.
func (t *terminal) readCommand(ctx context.Context, prompt string) (string, error) {
	e := &editor{terminal: t, prompt: prompt}
	if e.waiting() {
		t.raw([]byte(prompt))
	} else {
		t.raw([]byte(prompt + "\x1b[6n"))
	}
	for {
		b, err := e.key(ctx)
		if err != nil {
			return "", err
		}
		over, err := e.press(ctx, b)
		if !e.echo() {
			e.echoed.Reset()
		}
		if over || err != nil || !e.waiting() {
			t.raw(e.echoed.Bytes())
			e.echoed.Reset()
		}
		if over || err != nil {
			return string(e.line), err
		}
	}
}

// waiting reports whether more keys are queued: their echo is then printed together.
func (e *editor) waiting() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.queue) > 0
}

// press handles a key, and reports whether the line is complete.
func (e *editor) press(ctx context.Context, b byte) (bool, error) {
	switch b {
	case '\r', '\n':
		e.echoed.WriteString("\r\n")
		return true, nil
	case ctrlC:
		e.echoed.WriteString("^C\r\n")
		return true, errInterrupt
	case ctrlD:
		if len(e.line) == 0 {
			e.echoed.WriteString("\r\n")
			return true, io.EOF
		}
	case ctrlU:
		e.redraw(nil)
	case backspace, del:
		if len(e.line) > 0 {
			e.erase()
		}
	case escape:
		return false, e.skip(ctx)
	default:
		if b >= ' ' && len(e.line) < maxLine {
			e.line = append(e.line, b)
			e.echoed.WriteByte(b)
			if e.column() == 0 {
				e.echoed.WriteString("\r\r\n")
			}
		}
	}
	return false, nil
}

func (e *editor) column() int { return (len(e.prompt) + len(e.line)) % e.columns }

// erase removes the last character.
func (e *editor) erase() {
	if e.column() == 0 { // the cursor has gone to the next line
		e.redraw(e.line[:len(e.line)-1])
		return
	}
	e.line = e.line[:len(e.line)-1]
	e.echoed.WriteString("\b\x1b[J")
}

// redraw shows another line in place of the current one.
func (e *editor) redraw(line []byte) {
	e.echoed.WriteByte('\r')
	if up := (len(e.prompt) + len(e.line)) / e.columns; up > 0 {
		e.echoed.WriteString("\x1b[" + itoa(up) + "A")
	}
	e.echoed.WriteString(e.prompt + "\x1b[J")
	e.line = e.line[:0]
	for _, b := range bytes.Clone(line) {
		e.line = append(e.line, b)
		e.echoed.WriteByte(b)
		if e.column() == 0 {
			e.echoed.WriteString("\r\r\n")
		}
	}
}

// skip reads the rest of a key that sends more than one byte, or of the terminal's answer about the cursor.
func (e *editor) skip(ctx context.Context) error {
	b, err := e.key(ctx)
	if err != nil || b != '[' && b != 'O' {
		return err
	}
	for {
		if b, err = e.key(ctx); err != nil || b >= '@' {
			return err
		}
	}
}
