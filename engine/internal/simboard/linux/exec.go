package linux

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// call is called with every command before the interpreter runs it. It replaces those that would ask the host, or
// that the interpreter does differently. A script's own function of such a name is not replaced.
func (sh *shell) call(ctx context.Context, args []string) ([]string, error) {
	switch args[0] {
	case "command":
		switch {
		case len(args) > 1 && (args[1] == "-v" || args[1] == "-V"):
			return append([]string{hidden + "which"}, args[2:min(3, len(args))]...), nil
		case len(args) > 1:
			return sh.call(ctx, args[1:])
		}
	case "type", "which":
		return append([]string{hidden + args[0]}, args[1:]...), nil
	case "cd":
		return sh.changeDir(ctx, args)
	case "pwd", "echo", "umask":
		return append([]string{hidden + args[0]}, args[1:]...), nil
	case "builtin", "help", "times", "shopt", "declare", "typeset", "mapfile", "readarray", "pushd", "popd", "dirs":
		return append([]string{hidden + "missing"}, args...), nil
	case "eval":
		return sh.evaluate(strings.Join(args[1:], " "))
	case "source", ".":
		if len(args) < 2 {
			return sh.refuse("source: need filename")
		}
		text, err := sh.readFile(interp.HandlerCtx(ctx).Dir, args[1])
		if err != nil {
			return sh.leave("%s: %v", args[1], err)
		}
		return sh.evaluate(text)
	case "trap":
		return trap(args), nil
	case "test", "[":
		return sh.test(args)
	}
	return args, nil
}

// test refuses operators for which the interpreter would ask the host, and operands that must be numbers and are
// not.
func (sh *shell) test(args []string) ([]string, error) {
	for i, a := range args {
		switch a {
		case "-O", "-G", "-N":
			return sh.refuse("test: %s is not in this simulation", a)
		case "-eq", "-ne", "-lt", "-le", "-gt", "-ge":
			if i < 2 || i+1 == len(args) {
				continue
			}
			for _, n := range []string{args[i-1], args[i+1]} {
				if _, err := strconv.ParseInt(strings.TrimSpace(n), 10, 64); err != nil {
					return sh.refuse("%s: bad number", n)
				}
			}
		}
	}
	return args, nil
}

// changeDir prints the error of a cd as busybox does: a shell that is not interactive adds a line number, which is
// always 0.
func (sh *shell) changeDir(ctx context.Context, args []string) ([]string, error) {
	if len(args) != 2 || args[1] == "-" {
		return args, nil
	}
	i, err := sh.files.stat(absolute(interp.HandlerCtx(ctx).Dir, args[1]), true)
	if err == nil && !i.IsDir() {
		err = syscall.ENOTDIR
	}
	if err == nil {
		return args, nil
	}
	line := "line 0: "
	if strings.HasPrefix(sh.name, "-") {
		line = ""
	}
	return []string{hidden + "fail", fmt.Sprintf("%s: cd: %scan't cd to %s: %s", sh.name, line, args[1], strerror(err))}, nil
}

// trap removes the signals: the interpreter does not know them, and here they end every program.
func trap(args []string) []string {
	if len(args) > 1 && args[1] == "--" {
		args = slices.Delete(slices.Clone(args), 1, 2)
	}
	if len(args) < 3 {
		return args
	}
	known := args[:2:2]
	for _, condition := range args[2:] {
		switch strings.TrimPrefix(condition, "SIG") {
		case "HUP", "INT", "QUIT", "PIPE", "TERM", "1", "2", "3", "13", "15":
		case "0":
			known = append(known, "EXIT")
		default:
			known = append(known, condition)
		}
	}
	if len(known) == 2 {
		return []string{"true"}
	}
	return known
}

// evaluate hands a checked text to the interpreter's eval.
func (sh *shell) evaluate(text string) ([]string, error) {
	sh.said = sh.name + ": eval"
	source, err := sh.source(text)
	if err != nil {
		return sh.refuse("%v", err)
	}
	return []string{"eval", source}, nil
}

// refuse prints an error and exits with 2.
func (sh *shell) refuse(format string, args ...any) ([]string, error) {
	return []string{hidden + "refuse", fmt.Sprintf(format, args...)}, nil
}

// leave prints an error and ends a shell that is not interactive, as the error of a special built-in command does.
func (sh *shell) leave(format string, args ...any) ([]string, error) {
	if strings.HasPrefix(sh.name, "-") {
		return sh.refuse(format, args...)
	}
	text, err := syntax.Quote(fmt.Sprintf(format, args...), syntax.LangBash)
	if err != nil {
		return sh.refuse(format, args...)
	}
	return []string{"eval", hidden + "refuse " + text + "; exit 2"}, nil
}

func (sh *shell) readFile(dir, name string) (string, error) {
	f, err := sh.files.open(absolute(dir, name), os.O_RDONLY, 0)
	if err != nil {
		return "", errors.New(strerror(err))
	}
	text, err := io.ReadAll(io.LimitReader(f, treeLimit))
	if err != nil {
		return "", errors.New(strerror(err))
	}
	return string(text), nil
}

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

// exec runs a program.
func (sh *shell) exec(ctx context.Context, args []string) error {
	hc := interp.HandlerCtx(ctx)
	p := &process{
		system: sh.system, sh: sh, ctx: ctx, name: args[0], args: args[1:], dir: hc.Dir, env: hc.Env,
		in: hc.Stdin, out: keptOutput(hc.Stdout), err: hc.Stderr,
	}
	stdin, piped := hc.Stdin.(*os.File)
	if !piped || stdin == nil {
		p.in = keyboard{sh.term, ctx}
	}
	code := p.start()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if code != 0 {
		return interp.ExitStatus(uint8(code))
	}
	return nil
}

func (p *process) start() int {
	if name, ours := strings.CutPrefix(p.name, hidden); ours {
		return p.builtin(name)
	}
	_, err := p.lookup(p.dir, p.env, p.name)
	switch {
	case errors.Is(err, syscall.EACCES):
		fmt.Fprintf(p.err, "%s: %s: Permission denied\n", p.sh.said, p.name)
		return 126
	case err != nil && isMissing(p.name):
		fmt.Fprintf(p.err, "%s: %s: not in this simulation\n", p.sh.said, p.name)
		return 127
	case err != nil:
		fmt.Fprintf(p.err, "%s: %s: not found\n", p.sh.said, p.name)
		return 127
	}
	p.name = path.Base(p.name)
	return p.applet()
}

// applet runs the applet of the process' name: every program of the board is a link to busybox.
func (p *process) applet() int {
	run, ok := applet(p.name)
	if !ok {
		fmt.Fprintf(p.err, "%s: applet not found\n", p.name)
		return 127
	}
	return run(p)
}

// shell runs a script in a shell of its own.
func (p *process) shell(name, zero, text string, params []string) int {
	std := streams{out: p.out, err: p.err}
	if f, ok := p.in.(*os.File); ok {
		std.in = f
	}
	return p.newShell(name, zero, p.dir, exported(p.env), std, params).script(p.ctx, text)
}

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
