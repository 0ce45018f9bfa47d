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
	quitKey = 0x1d // Ctrl-], as in telnet

	// When the standard input is no terminal, the next line is sent when the board has been silent for lineQuiet,
	// or after lineLimit: U-Boot loses input while it runs a command. The console closes lastQuiet after the last
	// line's answer.
	lineQuiet = 100 * time.Millisecond
	lineLimit = 2 * time.Second
	lastQuiet = time.Second

	consoleSize = 16 << 20 // bytes of board output that may wait for the standard output
)

// interact connects the local terminal, or the standard streams if there is no terminal, to a board's console
// until the user quits, the console is lost or ctx ends. It restores the terminal in every case.
func (env Env) interact(ctx context.Context, inv *invocation, con *console.Console, port string, fresh bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	in := func() error { return forwardLines(ctx, con, env.Stdin) }
	if fd := int(env.Stdin.Fd()); term.IsTerminal(fd) {
		fmt.Fprintf(env.Stderr, "console on %s; Ctrl-] quits\n", port)
		inv.stderr.flush(inv.clk) // in raw mode the line end would not return the cursor
		was, err := term.MakeRaw(fd)
		if err != nil {
			return classify.Wrap(err, classify.Usage, "the terminal cannot be used")
		}
		defer func() {
			term.Restore(fd, was)
			fmt.Fprintln(env.Stderr, "\nconsole closed")
		}()
		in = func() error { return forwardKeys(ctx, con, env.Stdin, fresh) }
	}
	out := newSink("console", inv.stdout.w, func(lost engine.Loss) []byte {
		return fmt.Appendf(nil, "\r\n[flashlua: %d bytes dropped, the output is too slow]\r\n", lost.Bytes)
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

// forwardKeys sends the keys from in to the board until the quit key. With fresh, the board is at a prompt that
// was printed earlier; Ctrl-C makes it print the prompt again. Enter would make U-Boot repeat its last command.
func forwardKeys(ctx context.Context, con *console.Console, in io.Reader, fresh bool) error {
	if fresh {
		if err := con.SendRaw(ctx, []byte{0x03}); err != nil {
			return err
		}
	}
	buf := make([]byte, 4<<10)
	for {
		n, rerr := in.Read(buf)
		typed, _, quit := bytes.Cut(buf[:n], []byte{quitKey})
		if err := con.SendRaw(ctx, typed); err != nil || quit || rerr != nil {
			return err // a closed terminal quits too
		}
	}
}

// forwardLines sends the lines from in to the board. After each line, and at the end, it waits until the board is
// silent.
func forwardLines(ctx context.Context, con *console.Console, in io.Reader) error {
	buf := make([]byte, 4<<10)
	for {
		n, rerr := in.Read(buf)
		for line := range bytes.Lines(buf[:n]) {
			if err := con.SendRaw(ctx, line); err != nil {
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
