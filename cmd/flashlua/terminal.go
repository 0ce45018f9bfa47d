package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// systemTerminal returns the width in columns of the terminal that w is, 0 if w is no terminal.
func systemTerminal(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	return 80
}

// systemHeight returns the height in lines of the terminal that w is, 0 if w is no terminal.
func systemHeight(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	_, height, _ := term.GetSize(int(f.Fd()))
	return height
}

// canRedraw reports whether a line on w can be overwritten: w is a terminal with cursor control and not a CI log,
// which keeps every control character.
func (env Env) canRedraw(w io.Writer) bool {
	return env.Getenv("TERM") != "dumb" && env.Getenv("CI") == "" && env.Terminal(w) > 0
}

// colors adds colours to text if it is true.
type colors bool

func (env Env) colors(w io.Writer) colors {
	return colors(env.Getenv("NO_COLOR") == "" && env.canRedraw(w))
}

func (p colors) red(text string) string   { return p.paint("31", text) }
func (p colors) green(text string) string { return p.paint("32", text) }

func (p colors) paint(code, text string) string {
	if !p || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
