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
	Register("manual", "manual", func(string) (Driver, error) { return manual("/dev/tty"), nil })
}

// mostTyped is how long a line of a person may be, in bytes.
const mostTyped = 64 << 10

// personTimeout bounds one action of a person.
const personTimeout = 5 * time.Minute

// manual asks the person at a terminal to switch the board.
type manual string

var _ Slow = manual("")

// Timeout implements Slow.
func (m manual) Timeout() time.Duration { return personTimeout }

// Check finds out whether there is anybody to ask.
func (m manual) Check(context.Context) error {
	tty, err := m.open()
	if err != nil {
		return err
	}
	return tty.Close()
}

// On returns before the board has power, so that the first line that it prints is waited for and not missed.
func (m manual) On(ctx context.Context) error {
	return m.ask(ctx, "press Enter, then switch the board on at once (reset it if it is on)")
}

// Off returns when the person says that the board is off.
func (m manual) Off(ctx context.Context) error {
	return m.ask(ctx, "switch the board off, then press Enter")
}

// open opens the terminal so that a Read can be ended by closing it.
func (m manual) open() (*os.File, error) {
	tty, err := os.OpenFile(string(m), os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	return tty, classify.WithHint(classify.Wrap(err, classify.ConfigPlan, "manual power asks a person, and there is no terminal here"),
		"run it at a terminal, or name a driver that needs nobody; none means that you reset the board when it does not answer")
}

// ask tells the person what to do and waits for Enter.
func (m manual) ask(ctx context.Context, what string) error {
	tty, err := m.open()
	if err != nil {
		return err
	}
	defer tty.Close()
	defer context.AfterFunc(ctx, func() { tty.Close() })()
	err = question(tty, what)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return classify.Wrap(err, classify.PowerCommand, "nobody answered to %q", what)
}

// question asks. What was typed before it is dropped: that was no answer.
func question(tty *os.File, what string) error {
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
	_, err = bufio.NewReader(bounded.Reader(tty, mostTyped)).ReadString('\n')
	return err
}
