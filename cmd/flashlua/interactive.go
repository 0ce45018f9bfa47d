package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"golang.org/x/term"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
)

const (
	quitKey = 0x1d // Ctrl-], as telnet has it

	// A program's lines are typed when the board seems to be done with the one before: what is typed while a U-Boot
	// works is lost.
	lineQuiet = 100 * time.Millisecond
	lineLimit = 2 * time.Second
	lastQuiet = time.Second

	consoleSize = 16 << 20 // bytes of the board's that wait for the output
)

// interact connects the local terminal to a board's console, or the standard streams where there is none, until somebody
// quits, the console is lost or ctx ends. The terminal is as it was afterwards, whatever happened.
func (env Env) interact(ctx context.Context, inv *invocation, con *console.Console, port string, fresh bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	in := func() error { return forwardLines(ctx, con, env.Stdin) }
	if fd := int(env.Stdin.Fd()); term.IsTerminal(fd) {
		fmt.Fprintf(env.Stderr, "console on %s; Ctrl-] quits\n", port)
		inv.stderr.flush(inv.clk) // a raw terminal would break the line otherwise
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
		return fmt.Appendf(nil, "\r\n[flashlua: %d bytes are not shown, the output took them too slowly]\r\n", lost.Bytes)
	})
	out.size = consoleSize
	defer con.Subscribe(func(p []byte) { out.Write(p) })()
	ended := make(chan error, 3)
	for _, f := range []func() error{in, func() error { return out.quit(ctx) }, func() error { return con.WaitLost(ctx) }} {
		go func() { ended <- recoverPanic(f) }()
	}
	err := <-ended
	inv.wait(out) // what came is shown
	return err
}

// quit waits until w fails. An output that is closed, as that of `| head`, is a way to quit; a panic is not.
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

// recoverPanic makes an error of a panic, so that the terminal is restored.
func recoverPanic(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &classify.Error{Kind: classify.Internal, Msg: fmt.Sprintf("panic: %v", v), Detail: string(debug.Stack())}
		}
	}()
	return f()
}

// forwardKeys types what a person types until the key that quits. A board that was just brought to a prompt is asked to show
// it: Ctrl-C does no harm there, Enter would have U-Boot run its last command again.
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
			return err // a terminal that is gone has quit too
		}
	}
}

// forwardLines types what a program writes, and waits for the board's answer to the end of it.
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
