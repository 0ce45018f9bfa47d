package main

import (
	"context"
	"io"
	"strings"
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

// keyActions are what keys do.
type keyActions struct {
	send      func(context.Context, []byte) error
	sendBreak func(context.Context) error
	say       func(text string) // prints on a terminal in raw mode
}

// forwardKeys sends the keys from in to the board until the quit key. With fresh, the board is at a prompt that
// was printed earlier; Ctrl-C makes it print the prompt again. Enter would make U-Boot repeat its last command.
func forwardKeys(ctx context.Context, in io.Reader, fresh bool, do keyActions) error {
	if fresh {
		if err := do.send(ctx, []byte{0x03}); err != nil {
			return err
		}
	}
	buf := make([]byte, 4<<10)
	menu := false // the last key was menuKey
	for {
		n, rerr := in.Read(buf)
		var typed []byte
		for _, key := range buf[:n] {
			switch {
			case menu && (key == menuKey || key == ']'):
				if key == ']' {
					key = quitKey
				}
				menu, typed = false, append(typed, key)
			case menu:
				menu = false
				if err := do.send(ctx, typed); err != nil {
					return err
				}
				typed = nil
				do.menu(ctx, key)
			case key == quitKey:
				return do.send(ctx, typed)
			case key == menuKey:
				menu = true
			default:
				typed = append(typed, key)
			}
		}
		if err := do.send(ctx, typed); err != nil || rerr != nil {
			return err // a closed terminal quits too
		}
	}
}

// menu does what a key after menuKey means. A key without a meaning lists the keys.
func (do keyActions) menu(ctx context.Context, key byte) {
	if key != 'b' {
		do.say(keysHelp)
	} else if err := do.sendBreak(ctx); err != nil {
		do.say("\n[flashlua: " + escapeControl(err.Error()) + "]\n")
	} else {
		do.say("\n[flashlua: BREAK sent]\n")
	}
}

// sayRaw prints a text on the standard error when the terminal is in raw mode, where a line end does not return the
// cursor.
func (env Env) sayRaw(text string) {
	io.WriteString(env.Stderr, strings.ReplaceAll(text, "\n", "\r\n"))
}
