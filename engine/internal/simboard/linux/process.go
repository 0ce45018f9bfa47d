package linux

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"mvdan.cc/sh/v3/expand"
)

// process is a running program.
type process struct {
	*system
	sh       *shell
	ctx      context.Context
	name     string
	args     []string // without the name
	dir      string
	env      expand.Environ
	in       io.Reader
	out, err io.Writer
}

// fail prints an error as busybox does and returns the exit code 1.
func (p *process) fail(format string, args ...any) int {
	fmt.Fprintf(p.err, "%s: %s\n", p.name, fmt.Sprintf(format, args...))
	return 1
}

// options reads flags as getopt does: a letter with : after it takes a value. Long ones are refused.
func (p *process) options(spec string) (given map[byte]string, rest []string, ok bool) {
	given = map[byte]string{}
	args := p.args
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0][1:]
		args = args[1:]
		if word == "-" {
			break
		}
		for len(word) > 0 {
			c := word[0]
			word = word[1:]
			at := strings.IndexByte(spec, c)
			if at < 0 || c == ':' {
				fmt.Fprintf(p.err, "%s: option -%c is not in this simulation\n", p.name, c)
				return nil, nil, false
			}
			if at+1 < len(spec) && spec[at+1] == ':' {
				if word == "" && len(args) > 0 {
					word, args = args[0], args[1:]
				}
				if old, ok := given[c]; ok { // sed and grep take several, each a line of a script
					word = old + "\n" + word
				}
				given[c], word = word, ""
				continue
			}
			given[c] += "1"
		}
	}
	return given, args, true
}

// open opens a file for reading, or prints why it cannot.
func (p *process) open(name string) (io.Reader, error) {
	if name == "-" {
		return p.in, nil
	}
	f, err := p.files.open(absolute(p.dir, name), os.O_RDONLY, 0)
	if err != nil {
		p.cannotOpen(name, err)
		return nil, err
	}
	return f, nil
}

// cannotOpen prints why a file does not open, in one of the two forms that busybox has.
func (p *process) cannotOpen(name string, err error) {
	switch p.name {
	case "cat", "tail", "md5sum", "sha256sum", "sha512sum":
		p.fail("can't open '%s': %s", name, strerror(err))
	default:
		p.fail("%s: %s", name, strerror(err))
	}
}

// each runs f on every file that is named, or on the standard input.
func (p *process) each(names []string, f func(name string, r io.Reader) error) int {
	code := 0
	if len(names) == 0 {
		names = []string{"-"}
	}
	for _, name := range names {
		r, err := p.open(name)
		if err == nil {
			if err = f(name, r); err != nil {
				p.cannotRead(name, err)
			}
		}
		if err != nil {
			code = 1
		}
	}
	return code
}

// cannotRead prints why a file that is open cannot be read to its end.
func (p *process) cannotRead(name string, err error) {
	switch p.name {
	case "cat", "tail", "tr":
		p.fail("read error: %s", strerror(err))
	case "md5sum", "sha256sum", "sha512sum":
		p.fail("can't read '%s': %s", name, strerror(err))
	default:
		p.fail("%s: %s", name, strerror(err))
	}
}
