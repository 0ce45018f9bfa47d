package linux

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

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
