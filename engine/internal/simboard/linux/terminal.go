package linux

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
)

// The bytes of a terminal's keys.
const (
	ctrlC     = 0x03
	ctrlD     = 0x04
	backspace = 0x08
	ctrlU     = 0x15
	escape    = 0x1b
	del       = 0x7f
)

// typeAhead is how many bytes may be typed before they are read; the kernel drops the rest.
const typeAhead = 4095

// terminal is the board's end of the serial line: the kernel's line discipline.
type terminal struct {
	tty     TTY
	life    context.Context
	echo    func() bool // reports whether the next key is echoed
	columns int
	out     sync.Mutex // one writer at a time, so that a kernel line does not split a command's

	mu    sync.Mutex // guards what follows
	queue []byte
	more  chan struct{} // of capacity 1: the queue got longer, or the foreground changed
	fg    *foreground   // nil while an editor reads the keys itself
}

// foreground is a command that has the terminal.
type foreground struct {
	ctx       context.Context
	interrupt context.CancelCauseFunc
}

var errInterrupt = errors.New("interrupted")

func newTerminal(life context.Context, tty TTY, cfg Config) *terminal {
	t := &terminal{tty: tty, life: life, echo: cfg.Echo, columns: cfg.Columns, more: make(chan struct{}, 1)}
	if t.echo == nil {
		t.echo = func() bool { return true }
	}
	if t.columns == 0 {
		t.columns = 80
	}
	return t
}

func (t *terminal) wake() {
	select {
	case t.more <- struct{}{}:
	default:
	}
}

// listen reads what is typed until ctx ends or the line is closed.
func (t *terminal) listen(ctx context.Context) {
	for {
		b, err := t.tty.Key(ctx)
		if err != nil {
			return
		}
		if echo := t.typed(b); len(echo) > 0 && t.echo() {
			t.raw(echo)
		}
	}
}

// typed queues a key for the next read, and returns its echo. While a command runs, Ctrl-C ends it.
func (t *terminal) typed(b byte) (echo []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	defer t.wake()
	if t.fg == nil {
		if len(t.queue) < typeAhead {
			t.queue = append(t.queue, b)
		}
		return nil
	}
	switch b {
	case ctrlC:
		t.queue = t.queue[:0]
		t.fg.interrupt(errInterrupt)
		return []byte("^C")
	case '\r', '\n':
		b, echo = '\n', []byte("\r\n")
	case backspace, del:
		if n := len(t.queue); n > 0 && t.queue[n-1] != '\n' {
			t.queue = t.queue[:n-1]
			return []byte("\b \b")
		}
		return nil
	case ctrlD:
	case '\t':
		echo = []byte{b}
	default:
		if echo = []byte{b}; b < ' ' {
			echo = []byte{'^', b + '@'}
		}
	}
	if len(t.queue) >= typeAhead {
		return []byte{'\a'}
	}
	t.queue = append(t.queue, b)
	return echo
}

// hand makes a command the terminal's reader, or the editor if fg is nil.
func (t *terminal) hand(fg *foreground) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fg = fg
}

// key waits for the next key.
func (t *terminal) key(ctx context.Context) (byte, error) {
	for {
		t.mu.Lock()
		if len(t.queue) > 0 {
			b := t.queue[0]
			t.queue = t.queue[:copy(t.queue, t.queue[1:])]
			t.mu.Unlock()
			return b, nil
		}
		t.mu.Unlock()
		if err := t.wait(ctx); err != nil {
			return 0, err
		}
	}
}

func (t *terminal) wait(ctx context.Context) error {
	select {
	case <-t.more:
		return nil
	case <-ctx.Done():
		t.wake() // for another reader that waits
		return context.Cause(ctx)
	}
}

// readLine reads the next line that was typed, or the part of it that fits. Ctrl-D ends the input.
func (t *terminal) readLine(ctx context.Context, p []byte) (int, error) {
	for {
		t.mu.Lock()
		if ctx.Err() != nil { // Ctrl-C came: what was typed after it is not for this command
			t.mu.Unlock()
			return 0, context.Cause(ctx)
		}
		if i := bytes.IndexAny(t.queue, "\n\x04"); i >= 0 && len(p) > 0 {
			end := i + 1
			if t.queue[i] == ctrlD {
				end = i
			}
			n := copy(p, t.queue[:end])
			drop := n
			if n == end {
				drop = i + 1
			}
			t.queue = t.queue[:copy(t.queue, t.queue[drop:])]
			t.mu.Unlock()
			if n == 0 {
				return 0, io.EOF
			}
			return n, nil
		}
		t.mu.Unlock()
		if err := t.wait(ctx); err != nil {
			return 0, err
		}
	}
}

// Read reads a line of the terminal as a file.
func (t *terminal) Read(p []byte) (int, error) {
	t.mu.Lock()
	ctx := t.life
	if t.fg != nil {
		ctx = t.fg.ctx
	}
	t.mu.Unlock()
	return t.readLine(ctx, p)
}

// Write prints a command's output: a line ends with CR and LF on the wire.
func (t *terminal) Write(p []byte) (int, error) {
	if t.life.Err() != nil {
		return 0, context.Cause(t.life)
	}
	if err := t.raw(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (t *terminal) say(text string) { t.Write([]byte(text)) }

// kernel prints a line of the kernel's.
func (t *terminal) kernel(line string) { t.say(line + "\n") }

func (t *terminal) raw(p []byte) error {
	t.out.Lock()
	defer t.out.Unlock()
	_, err := t.tty.Write(p)
	return err
}

// ask prints a prompt and reads a line as getty and login do. Without echo nothing that is typed shows.
func (t *terminal) ask(ctx context.Context, prompt string, echo bool) (string, error) {
	t.say(prompt)
	var line []byte
	for {
		b, err := t.key(ctx)
		if err != nil {
			return "", err
		}
		switch {
		case b == '\r' || b == '\n':
			if !echo || t.echo() {
				t.say("\n")
			}
			return string(line), nil
		case b == ctrlC || b == ctrlD && len(line) == 0:
			return "", errInterrupt
		case b == ctrlU:
			for ; len(line) > 0; line = line[:len(line)-1] {
				t.show(echo, "\b \b")
			}
		case b == backspace || b == del:
			if len(line) > 0 {
				line = line[:len(line)-1]
				t.show(echo, "\b \b")
			}
		case b >= ' ' && len(line) < maxLine:
			line = append(line, b)
			t.show(echo, string(b))
		}
	}
}

func (t *terminal) show(on bool, text string) {
	if on && t.echo() {
		t.raw([]byte(text))
	}
}
