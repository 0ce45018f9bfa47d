package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/engine/clock"
)

func TestForwardKeys(t *testing.T) {
	for _, tt := range []struct {
		name, typed, sent, said string
		noBreak                 bool
	}{
		{name: "all other keys", typed: "a\x03\x1a\x1c\x1b[A\x1f", sent: "a\x03\x1a\x1c\x1b[A\x1f"},
		{name: "quit", typed: "ls\r\x1dnot sent", sent: "ls\r"},
		{name: "help", typed: "a\x1e?b", sent: "ab", said: keysHelp},
		{name: "unknown key", typed: "\x1ezb", sent: "b", said: keysHelp},
		{name: "break", typed: "a\x1ebh", sent: "a<BREAK>h", said: "\n[flashlua: BREAK sent]\n"},
		{name: "no break", typed: "\x1eb", noBreak: true, said: "\n[flashlua: none here]\n"},
		{name: "keys themselves", typed: "\x1e\x1e\x1e]x", sent: "\x1e\x1dx"},
		{name: "quit after the menu key", typed: "\x1e?\x1dx", said: keysHelp},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, in := range []interface{ Read([]byte) (int, error) }{strings.NewReader(tt.typed), &byteReader{text: tt.typed}} {
				var sent, said strings.Builder
				err := forwardKeys(t.Context(), in, false, keyActions{
					clk:  clock.Real{},
					send: func(_ context.Context, p []byte) error { sent.Write(p); return nil },
					sendBreak: func(context.Context) error {
						if tt.noBreak {
							return errors.New("none here")
						}
						sent.WriteString("<BREAK>")
						return nil
					},
					say: func(text string) { said.WriteString(text) },
				})
				if err != nil || sent.String() != tt.sent || said.String() != tt.said {
					t.Errorf("forwardKeys(%q) = %v, sent %q, said %q; want nil, %q, %q", tt.typed, err, &sent, &said, tt.sent, tt.said)
				}
			}
		})
	}
}

// TestQuitFromABoardThatTakesNothing holds that the quit key ends a console whose board does not take what was typed.
func TestQuitFromABoardThatTakesNothing(t *testing.T) {
	clk := &clock.Virtual{}
	in, typing := io.Pipe()
	var said strings.Builder
	sending, ended := make(chan bool), make(chan error, 1)
	go func() {
		ended <- forwardKeys(t.Context(), in, false, keyActions{
			clk: clk,
			send: func(ctx context.Context, p []byte) error {
				close(sending)
				<-ctx.Done()
				return ctx.Err()
			},
			say: func(text string) { said.WriteString(text) },
		})
	}()
	io.WriteString(typing, "a")
	<-sending
	io.WriteString(typing, "b\x1d")
	for {
		select {
		case err := <-ended:
			if want := "the last keys were not sent"; err != nil || !strings.Contains(said.String(), want) {
				t.Errorf("forwardKeys = %v, said %q; want nil, %q", err, &said, want)
			}
			return
		default:
			clk.Sleep(t.Context(), quitGrace)
		}
	}
}

// byteReader returns one byte at a time.
type byteReader struct{ text string }

func (r *byteReader) Read(p []byte) (int, error) {
	n := copy(p[:1], r.text)
	r.text = r.text[n:]
	if n == 0 {
		return 0, errors.New("closed")
	}
	return n, nil
}

func TestConsoleLogsWhatIsTyped(t *testing.T) {
	d := newDesk(t)
	log := filepath.Join(t.TempDir(), "log")
	d.env.Args = append(d.env.Args, "--transcript", log, "--log-input")
	board, code := d.start()
	d.greet(board)
	io.WriteString(d.person, "\x1e?ls\r")
	read(t, board, "ls\r")
	io.WriteString(d.person, "\x1d")
	d.ends(code, 0, "Ctrl-^ b       send a BREAK, which Linux takes as SysRq\r\n")
	if text, err := os.ReadFile(log); err != nil || !strings.Contains(string(text), "> ls") {
		t.Errorf("transcript: %v\n%s\nwant a line > ls", err, text)
	}
}
