package linux

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// expr has what a shell without $(( )) needs: two numbers or texts, and what stands between.
func expr(p *process) int {
	a := p.args
	switch {
	case len(a) == 0:
		p.fail("too few arguments")
		return exprError
	case len(a) != 3:
		p.fail("not in this simulation")
		return exprError
	}
	text, err := exprOf(a[0], a[1], a[2])
	if err != nil {
		p.fail("%v", err)
		return exprError
	}
	fmt.Fprintln(p.out, text)
	if text == "0" || text == "" {
		return 1
	}
	return 0
}

const exprError = 2 // the exit code of an expression that is none

func exprOf(a, op, b string) (string, error) {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	order := x - y
	if errX != nil || errY != nil {
		order = strings.Compare(a, b)
	}
	flag := func(v bool) string { return map[bool]string{true: "1", false: "0"}[v] }
	switch op {
	case "=":
		return flag(order == 0), nil
	case "!=":
		return flag(order != 0), nil
	case "<":
		return flag(order < 0), nil
	case ">":
		return flag(order > 0), nil
	case "<=":
		return flag(order <= 0), nil
	case ">=":
		return flag(order >= 0), nil
	case "+", "-", "*", "/", "%":
	default:
		return "", errors.New("not in this simulation")
	}
	if errX != nil || errY != nil {
		return "", errors.New("non-numeric argument")
	}
	if y == 0 && (op == "/" || op == "%") {
		return "", errors.New("division by zero")
	}
	switch op {
	case "+":
		return itoa(x + y), nil
	case "-":
		return itoa(x - y), nil
	case "*":
		return itoa(x * y), nil
	case "/":
		return itoa(x / y), nil
	}
	return itoa(x % y), nil
}

// sh is a shell with a script.
func sh(p *process) int {
	args := p.args
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "-c" {
		args = args[1:]
	}
	switch {
	case len(args) > 1 && args[0] == "-c":
		zero := "sh"
		if len(args) > 2 {
			zero = args[2]
		}
		return p.shell(zero, zero, args[1], args[min(3, len(args)):])
	case len(args) > 0 && args[0] != "-c":
		text, err := p.sh.readFile(p.dir, args[0])
		if err != nil {
			fmt.Fprintf(p.err, "sh: can't open '%s': %v\n", args[0], err)
			return 2
		}
		return p.shell(args[0], args[0], text, args[1:])
	}
	if f, ok := p.in.(*os.File); ok {
		text := new(strings.Builder)
		transfer(p.ctx, text, f)
		return p.shell("sh", "sh", text.String(), nil)
	}
	return p.fail("a shell inside of a shell is not in this simulation; exit leaves this one")
}

func busybox(p *process) int {
	if len(p.args) > 0 && p.args[0] != "--list" && !strings.HasPrefix(p.args[0], "-") {
		next := *p
		next.name, next.args = p.args[0], p.args[1:]
		return next.applet()
	}
	if len(p.args) == 0 {
		fmt.Fprintln(p.out, toolset)
	}
	fmt.Fprintln(p.out, strings.Join(appletNames(), "\n"))
	return 0
}
