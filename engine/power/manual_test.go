package power

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/goterm/term"

	"github.com/flashlua/flashlua/classify"
)

func newTTY(t *testing.T) (*term.PTY, manual) {
	pty, err := term.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pty.Close() })
	name, err := pty.PTSName()
	if err != nil {
		t.Fatal(err)
	}
	return pty, manual{tty: name}
}

func TestManual(t *testing.T) {
	pty, m := newTTY(t)
	io.WriteString(pty.Master, "\n") // typed before the question: it does not count
	if err := m.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	screen := bufio.NewReader(pty.Master)
	for _, tt := range []struct {
		do   func(context.Context) error
		want string
	}{
		{m.Off, "flashlua: switch the board off, then press Enter\r\n"},
		{m.On, "flashlua: press Enter, then switch the board on at once (reset it if it is on)\r\n"},
		{m.Named("recovery").On, "flashlua: switch the output recovery on, then press Enter\r\n"},
		{m.Named("recovery").Off, "flashlua: switch the output recovery off, then press Enter\r\n"},
	} {
		done := make(chan error, 1)
		go func() { done <- tt.do(t.Context()) }()
		for line := ""; line != tt.want; {
			var err error
			if line, err = screen.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		if len(done) != 0 {
			t.Error("On() or Off() returned before Enter; want it to wait")
		}
		io.WriteString(pty.Master, "\n")
		if err := <-done; err != nil {
			t.Errorf("On() or Off() after Enter = %v; want nil", err)
		}
	}
}

func TestManualEndsWithItsContext(t *testing.T) {
	pty, m := newTTY(t)
	late := errors.New("late")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Off(ctx) }()
	bufio.NewReader(pty.Master).ReadString('f') // the question is there
	cancel(late)
	if err := <-done; !errors.Is(err, late) || classify.Facts(err).Kind != classify.PowerCommand || !strings.Contains(err.Error(), `no answer to "switch the board off, then press Enter"`) {
		t.Errorf("Off() = %v of kind %s; want %v of kind %s", err, classify.Facts(err).Kind, late, classify.PowerCommand)
	}
	// Ctrl-D ends the answer.
	go func() { done <- m.On(t.Context()) }()
	bufio.NewReader(pty.Master).ReadString('(')
	io.WriteString(pty.Master, "\x04")
	if err := <-done; !errors.Is(err, io.EOF) {
		t.Errorf("On() after Ctrl-D = %v; want %v", err, io.EOF)
	}
}

func TestManualNeedsATerminal(t *testing.T) {
	m := manual{tty: "/no/tty"}
	for _, do := range []func(context.Context) error{m.Check, m.On, m.Off} {
		err := do(t.Context())
		f := classify.Facts(err)
		if f.Kind != classify.ConfigPlan || f.Class != classify.Fatal || !strings.HasPrefix(err.Error(), "manual power asks a person, and there is no terminal here: ") || !strings.Contains(f.Hint, "none means") {
			t.Errorf("Check(), On() or Off() without a terminal = %v of kind %s, hint %q; want kind %s", err, f.Kind, f.Hint, classify.ConfigPlan)
		}
	}
	for _, spec := range []string{"manual:", "manual:me"} {
		if _, err := Open(spec); classify.Facts(err).Kind != classify.Usage {
			t.Errorf("Open(%s) = %v; want kind %s", spec, err, classify.Usage)
		}
	}
	if d, err := Open("manual"); d != (manual{tty: "/dev/tty"}) || err != nil {
		t.Errorf("Open(manual) = %v, %v; want the terminal", d, err)
	}
}
