package consoletest

import (
	"net"
	"strings"
	"testing"
)

// Board is a command interpreter at the other end of a console's wire: it echoes what is typed and answers framed
// commands. A test sets its fields, scripts the output before the prompt with Say and Until, and ends with Serve,
// in one goroutine.
type Board struct {
	net.Conn
	Prompt string
	Reply  func(cmd string) (output, code string) // what a command prints, and its exit code; "" means that it never ends
	Stale  string                                 // characters that are in the line editor when Serve begins
	Lose   int                                    // bytes that are lost when Serve begins
	Mute   bool                                   // it echoes nothing
	Typed  strings.Builder                        // what Serve has read
}

// NewBoard returns a Board and the port of a console at the other end of its wire, which the end of the test
// closes.
func NewBoard(t *testing.T) (port net.Conn, b *Board) {
	wire, port := net.Pipe()
	t.Cleanup(func() { port.Close(); wire.Close() })
	return port, &Board{Conn: wire, Prompt: "=> ", Reply: OK}
}

// OK is a Reply: every command prints nothing and succeeds.
func OK(string) (output, code string) { return "", "0" }

// Say prints text.
func (b *Board) Say(text string) { b.Write([]byte(text)) }

// Until reads until what it has read ends with text. It echoes nothing.
func (b *Board) Until(text string) {
	var got []byte
	for buf := make([]byte, 1); !strings.HasSuffix(string(got), text); got = append(got, buf...) {
		if _, err := b.Read(buf); err != nil {
			return
		}
	}
}

// Discard reads until the wire is closed, and answers nothing.
func (b *Board) Discard() {
	for buf := make([]byte, 64); ; {
		if _, err := b.Read(buf); err != nil {
			return
		}
	}
}

// Serve edits and runs lines until the wire is closed.
func (b *Board) Serve() {
	line := []byte(b.Stale)
	for buf := make([]byte, 1); ; {
		if _, err := b.Read(buf); err != nil {
			return
		}
		if b.Lose > 0 {
			b.Lose--
			continue
		}
		b.Typed.Write(buf)
		switch buf[0] {
		case 3: // Ctrl-C
			line = nil
			b.Say("<INTERRUPT>\r\n" + b.Prompt)
		case '\n':
			b.Say("\r\n")
			b.run(string(line))
			line = nil
		default:
			line = append(line, buf[0])
			if !b.Mute {
				b.Say(string(buf))
			}
		}
	}
}

// run answers one line.
func (b *Board) run(line string) {
	l, ok := Parse(line)
	switch {
	case !ok:
		b.Say(b.Prompt)
	case l.Sync:
		b.Say(l.Begin() + b.Prompt)
	case l.Setup:
		b.Say(l.Begin() + l.End("0") + b.Prompt)
	default:
		output, code := b.Reply(l.Command)
		b.Say(l.Begin() + output)
		if code != "" {
			b.Say(l.End(code) + b.Prompt)
		}
	}
}
