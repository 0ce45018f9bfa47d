package linux

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/interp"
)

// builtin runs a built-in command for which the interpreter's own would ask the host.
func (p *process) builtin(name string) int {
	switch name {
	case "pwd":
		fmt.Fprintln(p.out, path.Clean(p.dir))
	case "echo":
		return echo(p)
	case "refuse":
		fmt.Fprintf(p.err, "%s: %s\n", p.sh.said, p.args[0])
		return 2
	case "missing":
		fmt.Fprintf(p.err, "%s: %s: not found\n", p.sh.name, p.args[0])
		return 127
	case "fail":
		fmt.Fprintln(p.err, p.args[0])
		return 1
	case "umask":
		if len(p.args) == 0 {
			fmt.Fprintln(p.out, "0022")
		}
	case "which", "type":
		return p.which(name == "type")
	}
	return 0
}

// which prints where programs are, or in words what names are.
func (p *process) which(words bool) int {
	code := 0
	for _, a := range p.args {
		at, builtin := a, interp.IsBuiltin(a)
		if !builtin {
			var err error
			if at, err = p.lookup(p.dir, p.env, a); err != nil {
				if code = 127; words {
					fmt.Fprintf(p.err, "%s: not found\n", a)
				}
				continue
			}
		}
		switch {
		case words && builtin:
			fmt.Fprintf(p.out, "%s is a shell builtin\n", a)
		case words:
			fmt.Fprintf(p.out, "%s is %s\n", a, at)
		default:
			fmt.Fprintln(p.out, at)
		}
	}
	return code
}

// echo writes its line at once, as real shells do: the interpreter's own comes in pieces, and the other end of a
// pipeline could print between them.
func echo(p *process) int {
	args, end, escapes := p.args, "\n", false
	for ; len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && strings.Trim(args[0][1:], "neE") == ""; args = args[1:] {
		if strings.Contains(args[0], "n") {
			end = ""
		}
		escapes = escapes || strings.Contains(args[0], "e")
	}
	line := strings.Join(args, " ")
	if escapes {
		text, more := unescape(line, true)
		if line = string(text); !more {
			end = ""
		}
	}
	if _, err := io.WriteString(p.out, line+end); err != nil {
		if no := syscall.Errno(0); errors.As(err, &no) && no != syscall.EPIPE { // a closed pipe kills a real shell
			fmt.Fprintf(p.err, "%s: write error: %s\n", p.sh.name, strerror(err))
		}
		return 1
	}
	return 0
}
