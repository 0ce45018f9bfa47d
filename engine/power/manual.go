package power

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/bounded"
)

func init() {
	Register("manual", "manual", func(string) (Driver, error) { return manual{tty: "/dev/tty"}, nil })
}

// maxTyped is the longest answer at the terminal, in bytes.
const maxTyped = 64 << 10

// personTimeout is the time for one action of a person.
const personTimeout = 5 * time.Minute

// manual asks the person at a terminal to switch the board, or the output of that name.
type manual struct{ tty, output string }

var (
	_ Slow     = manual{}
	_ Nameable = manual{}
)

// Named implements Nameable.
func (m manual) Named(output string) Driver { return manual{m.tty, output} }

// Timeout implements Slow.
func (m manual) Timeout() time.Duration { return personTimeout }

// Check opens the terminal.
func (m manual) Check(context.Context) error {
	tty, err := m.open()
	if err != nil {
		return err
	}
	return tty.Close()
}

// On returns before the board has power, so that its first output is waited for and not missed. An output is on when
// it returns.
func (m manual) On(ctx context.Context) error {
	if m.output != "" {
		return m.ask(ctx, "switch the output "+m.output+" on, then press Enter")
	}
	return m.ask(ctx, "press Enter, then switch the board on at once (reset it if it is on)")
}

// Off returns when the person has confirmed that the board is off.
func (m manual) Off(ctx context.Context) error {
	if m.output != "" {
		return m.ask(ctx, "switch the output "+m.output+" off, then press Enter")
	}
	return m.ask(ctx, "switch the board off, then press Enter")
}

// open opens the terminal such that closing it ends a Read.
func (m manual) open() (*os.File, error) {
	tty, err := os.OpenFile(m.tty, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	return tty, classify.WithHint(classify.Wrap(err, classify.ConfigPlan, "manual power asks a person, and there is no terminal here"),
		"run it at a terminal, or name a driver that needs no person; none means that you reset the board when it does not answer")
}

// ask prints an instruction and waits for Enter.
func (m manual) ask(ctx context.Context, what string) error {
	tty, err := m.open()
	if err != nil {
		return err
	}
	defer tty.Close()
	defer context.AfterFunc(ctx, func() { tty.Close() })()
	err = askPerson(tty, what)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return classify.Wrap(err, classify.PowerCommand, "no answer to %q", what)
}

// askPerson prints the instruction and reads the answer. It first drops what was typed earlier.
func askPerson(tty *os.File, what string) error {
	conn, err := tty.SyscallConn()
	if err != nil {
		return err
	}
	if err := conn.Control(func(fd uintptr) { discardTyped(int(fd)) }); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(tty, "\a\nflashlua: %s\n", what); err != nil {
		return err
	}
	_, err = bufio.NewReader(bounded.Reader(tty, maxTyped)).ReadString('\n')
	return err
}
