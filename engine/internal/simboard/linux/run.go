package linux

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// timeout ends a command after some seconds.
func timeout(p *process) int {
	o, rest, ok := p.options("s:k:t:")
	if ok && o['t'] != "" {
		rest = append([]string{o['t']}, rest...)
	}
	if !ok || len(rest) < 2 {
		return 1
	}
	n, err := strconv.ParseFloat(strings.TrimSuffix(rest[0], "s"), 64)
	if err != nil {
		return p.fail("invalid number '%s'", rest[0])
	}
	return p.limited(time.Duration(n*float64(time.Second)), rest[1:])
}

// again runs another program in this one's place.
func (p *process) again(args []string) int {
	next := *p
	next.name, next.args = args[0], args[1:]
	return next.start()
}

func xargs(p *process) int {
	o, rest, ok := p.options("rn:I:0")
	if !ok {
		return 1
	}
	if len(rest) == 0 {
		rest = []string{"echo"}
	}
	var words []string
	var held holding
	p.lines(nil, func(line string) bool {
		for word := range strings.FieldsSeq(line) {
			if words = append(words, word); !held.keep(word) {
				return false
			}
		}
		return true
	})
	if held.used > treeLimit {
		return p.fail("out of memory")
	}
	if len(words) == 0 && o['r'] != "" {
		return 0
	}
	step := max(number(o['n'], len(words)+1), 1)
	if o['I'] != "" {
		step = 1
	}
	for {
		n := min(step, len(words))
		args := append(slices.Clone(rest), words[:n]...)
		if o['I'] != "" && n == 1 {
			args = nil
			for _, r := range rest {
				args = append(args, strings.ReplaceAll(r, o['I'], words[0]))
			}
		}
		if code := p.again(args); code != 0 {
			return 123
		}
		if words = words[n:]; len(words) == 0 {
			return 0
		}
	}
}

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
	fmt.Fprintln(p.out, strings.Join(slices.Sorted(maps.Keys(applets)), "\n"))
	return 0
}
