package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/term"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
)

const (
	// When the standard input is no terminal, the next line is sent when the board has been silent for lineQuiet,
	// or after lineLimit: U-Boot loses input while it runs a command. The console closes lastQuiet after the last
	// line's answer.
	lineQuiet = 100 * time.Millisecond
	lineLimit = 2 * time.Second
	lastQuiet = time.Second

	consoleSize = 16 << 20 // bytes of board output that may wait for the standard output
)

// interactOptions are how a console is connected to a terminal.
type interactOptions struct {
	port     string // for the greeting
	fresh    bool   // the board is at a prompt that was printed earlier
	logInput bool   // record in the transcript what is typed
}

// interact connects the local terminal, or the standard streams if there is no terminal, to a board's console
// until the user quits, the console is lost or ctx ends. It restores the terminal in every case.
func (env Env) interact(ctx context.Context, inv *invocation, con *console.Console, o interactOptions) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	send := con.SendRaw
	if o.logInput {
		send = con.SendTyped
	}
	in := func() error { return forwardLines(ctx, con, send, env.Stdin) }
	if fd := int(env.Stdin.Fd()); term.IsTerminal(fd) {
		fmt.Fprintf(env.Stderr, "console on %s; Ctrl-] quits, Ctrl-^ ? lists the keys\n", o.port)
		inv.stderr.flush(inv.clk) // in raw mode the line end would not return the cursor
		was, err := term.MakeRaw(fd)
		if err != nil {
			return classify.Wrap(err, classify.Usage, "the terminal cannot be used")
		}
		defer func() {
			term.Restore(fd, was)
			fmt.Fprintln(env.Stderr, "\nconsole closed")
		}()
		in = func() error {
			return forwardKeys(ctx, env.Stdin, o.fresh, keyActions{clk: inv.clk, send: send, sendBreak: con.Break, say: env.sayRaw})
		}
	}
	out := newSink("console", inv.stdout.w, func(lost engine.Loss) []byte {
		text := fmt.Sprintf("\r\n[flashlua: %d bytes dropped, the output is too slow]\r\n", lost.Bytes)
		if env.Terminal(env.Stdout) > 0 {
			return []byte(text)
		}
		io.WriteString(env.Stderr, text) // a file or a pipe has what the board printed, and nothing else
		return nil
	})
	out.size = consoleSize
	defer con.Subscribe(func(p []byte) { out.Write(p) })()
	ended := make(chan error, 3)
	for _, f := range []func() error{in, func() error { return out.quit(ctx) }, func() error { return con.WaitLost(ctx) }} {
		go func() { ended <- recoverPanic(f) }()
	}
	err := <-ended
	inv.wait(out) // show the rest of the output
	return err
}

// quit waits until w fails. It returns nil for a closed output, as that of `| head`, which is a way to quit, and
// the error of a panic.
func (s *sink) quit(ctx context.Context) error {
	select {
	case <-s.failed:
		if _, err := s.state(); classify.Find(err, classify.Internal) != nil {
			return err
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// recoverPanic calls f and returns a panic as an error, so that the terminal is restored.
func recoverPanic(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = classify.FromPanic(v)
		}
	}()
	return f()
}

// forwardLines sends the lines from in to the board. After each line, and at the end, it waits until the board is
// silent.
func forwardLines(ctx context.Context, con *console.Console, send func(context.Context, []byte) error, in io.Reader) error {
	buf := make([]byte, 4<<10)
	for {
		n, rerr := in.Read(buf)
		for line := range bytes.Lines(buf[:n]) {
			if err := send(ctx, line); err != nil {
				return err
			}
			if bytes.HasSuffix(line, []byte("\n")) {
				if err := con.Drain(ctx, lineQuiet, lineLimit); err != nil {
					return err
				}
			}
		}
		switch {
		case errors.Is(rerr, io.EOF):
			return con.Drain(ctx, lastQuiet, 0)
		case rerr != nil:
			return classify.Wrap(rerr, classify.Usage, "the standard input cannot be read")
		}
	}
}
