package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/visible"
)

const (
	quitKey = 0x1d // Ctrl-], as in telnet
	menuKey = 0x1e // Ctrl-^, which neither U-Boot nor a shell uses
)

const keysHelp = `
keys of flashlua console:
  Ctrl-]         quit
  Ctrl-^ ?       this list
  Ctrl-^ b       send a BREAK, which Linux takes as SysRq
  Ctrl-^ ]       send Ctrl-] to the board
  Ctrl-^ Ctrl-^  send Ctrl-^ to the board
`

// quitGrace is how long the quit key waits for a board that does not take what was typed before it.
const quitGrace = 2 * time.Second

// keyActions are what keys do.
type keyActions struct {
	clk       clock.Clock
	send      func(context.Context, []byte) error
	sendBreak func(context.Context) error
	say       func(text string) // prints on a terminal in raw mode
}

// forwardKeys sends the keys from in to the board until the quit key. With fresh, the board is at a prompt that
// was printed earlier; Ctrl-C makes it print the prompt again. Enter would make U-Boot repeat its last command.
// It reads on while the board takes nothing, because the quit key must work then, too.
func forwardKeys(ctx context.Context, in io.Reader, fresh bool, do keyActions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var todo []func() error // what is not done yet, in order
	if fresh {
		todo = append(todo, func() error { return do.send(ctx, []byte{0x03}) })
	}
	read := make(chan []func() error)
	go do.readKeys(ctx, in, read)
	var late <-chan struct{} // after the quit key
	done, busy := make(chan error, 1), false
	for {
		switch {
		case !busy && len(todo) > 0:
			next := todo[0]
			todo, busy = todo[1:], true
			go func() { done <- recoverPanic(next) }()
		case !busy && read == nil:
			return nil
		}
		select {
		case err := <-done:
			if busy = false; err != nil {
				return err
			}
		case more, open := <-read:
			todo = append(todo, more...)
			if open {
				continue
			}
			if err := context.Cause(ctx); err != nil {
				return err
			}
			read = nil
			passed, stop := clock.After(do.clk, quitGrace)
			defer stop()
			late = passed
		case <-late:
			do.say("\n[flashlua: the board takes no input, the last keys were not sent]\n")
			return nil
		}
	}
}

// readKeys sends what the keys from in do to each. It closes each at the quit key, and at the end of in: a closed
// terminal quits too.
func (do keyActions) readKeys(ctx context.Context, in io.Reader, each chan<- []func() error) {
	defer close(each)
	buf := make([]byte, 4<<10)
	menu := false // the last key was menuKey
	for {
		n, rerr := in.Read(buf)
		var all []func() error
		var typed []byte
		flush := func() {
			if text := typed; len(text) > 0 {
				all = append(all, func() error { return do.send(ctx, text) })
			}
			typed = nil
		}
		quit := false
		for _, key := range buf[:n] {
			switch {
			case menu && (key == menuKey || key == ']'):
				if key == ']' {
					key = quitKey
				}
				menu, typed = false, append(typed, key)
			case menu:
				menu = false
				flush()
				all = append(all, func() error { do.menu(ctx, key); return nil })
			case key == quitKey:
				quit = true
			case key == menuKey:
				menu = true
			default:
				typed = append(typed, key)
			}
			if quit {
				break
			}
		}
		flush()
		select {
		case each <- all:
		case <-ctx.Done():
			return
		}
		if quit || rerr != nil {
			return
		}
	}
}

// menu does what a key after menuKey means. A key without a meaning lists the keys.
func (do keyActions) menu(ctx context.Context, key byte) {
	if key != 'b' {
		do.say(keysHelp)
	} else if err := do.sendBreak(ctx); err != nil {
		do.say("\n[flashlua: " + visible.Text(err.Error()) + "]\n")
	} else {
		do.say("\n[flashlua: BREAK sent]\n")
	}
}

// sayRaw prints a text on the standard error when the terminal is in raw mode, where a line end does not return the
// cursor.
func (env Env) sayRaw(text string) {
	io.WriteString(env.Stderr, strings.ReplaceAll(text, "\n", "\r\n"))
}
