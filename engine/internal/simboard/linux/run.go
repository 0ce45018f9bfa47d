package linux

import (
	"fmt"
	"os"
	"strings"
)

// expr knows what a shell without $(( )) needs: two numbers or texts, and what stands between.
func expr(p *process) int {
	a := p.args
	if len(a) != 3 {
		return p.fail("not in this simulation")
	}
	x, y := number(a[0], 0), number(a[2], 0)
	var text string
	flag := func(v bool) string { return map[bool]string{true: "1", false: "0"}[v] }
	switch a[1] {
	case "+":
		text = itoa(x + y)
	case "-":
		text = itoa(x - y)
	case "*":
		text = itoa(x * y)
	case "/", "%":
		if y == 0 {
			return 2 * p.fail("division by zero")
		}
		text = itoa(map[string]int{"/": x / y, "%": x % y}[a[1]])
	case "=":
		text = flag(a[0] == a[2])
	case "!=":
		text = flag(a[0] != a[2])
	case "<":
		text = flag(x < y)
	case ">":
		text = flag(x > y)
	default:
		return p.fail("not in this simulation")
	}
	fmt.Fprintln(p.out, text)
	if text == "0" || text == "" {
		return 1
	}
	return 0
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
