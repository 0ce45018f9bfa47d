package simboard

import (
	"context"
	"fmt"
	"strings"
)

// operand is a number, or with a * before it what stands at an address.
func (u *bootloader) operand(text string, size int) uint64 {
	at, memory := strings.CutPrefix(text, "*")
	n, _ := hexAddress(at)
	if memory {
		if !u.readable(n, uint64(size)) {
			return 0
		}
		return item(u.memory(n, uint64(size)), size)
	}
	if size < 8 && size > 0 {
		return n & (1<<(8*size) - 1)
	}
	return n
}

// setexpr is "setexpr[.b|.w|.l] NAME [*]VALUE [OP [*]VALUE]". It has no regular expressions.
func setexpr(u *bootloader, _ context.Context, args []string) (int, error) {
	if len(args) != 3 && len(args) != 5 {
		return u.usage("setexpr")
	}
	size := itemSize(args[0])
	if !strings.Contains(args[0], ".") && !strings.HasPrefix(args[2], "*") {
		size = 8
	}
	x := u.operand(args[2], size)
	if len(args) == 5 {
		y := u.operand(args[4], map[bool]int{true: itemSize(args[0]), false: size}[strings.HasPrefix(args[4], "*")])
		switch args[3] {
		case "&":
			x &= y
		case "|":
			x |= y
		case "^":
			x ^= y
		case "+":
			x += y
		case "-":
			x -= y
		case "*":
			x *= y
		case "/", "%":
			if y == 0 {
				u.printf("divide by zero\n")
				return 1, nil
			}
			x = map[string]uint64{"/": x / y, "%": x % y}[args[3]]
		default:
			return u.usage("setexpr")
		}
	}
	u.env[args[1]] = fmt.Sprintf("%x", x)
	return 0, nil
}

// comparisons are the operators of itest.
var comparisons = map[string]func(order int) bool{
	"-lt": func(o int) bool { return o < 0 }, "<": func(o int) bool { return o < 0 },
	"-gt": func(o int) bool { return o > 0 }, ">": func(o int) bool { return o > 0 },
	"-eq": func(o int) bool { return o == 0 }, "==": func(o int) bool { return o == 0 },
	"-ne": func(o int) bool { return o != 0 }, "!=": func(o int) bool { return o != 0 }, "<>": func(o int) bool { return o != 0 },
	"-ge": func(o int) bool { return o >= 0 }, ">=": func(o int) bool { return o >= 0 },
	"-le": func(o int) bool { return o <= 0 }, "<=": func(o int) bool { return o <= 0 },
}

// itest is "itest[.b|.w|.l|.s] [*]VALUE OP [*]VALUE".
func itest(u *bootloader, _ context.Context, args []string) (int, error) {
	if len(args) != 4 {
		return u.usage("itest")
	}
	hit := comparisons[args[2]]
	if hit == nil {
		u.printf("Unknown operator '%s'\n", args[2])
		return 1, nil
	}
	order := strings.Compare(args[1], args[3])
	if !strings.HasSuffix(args[0], ".s") {
		size := itemSize(args[0])
		x, y := u.operand(args[1], size), u.operand(args[3], size)
		order = map[bool]int{true: 1}[x > y] - map[bool]int{true: 1}[x < y]
	}
	return map[bool]int{true: 0, false: 1}[hit(order)], nil
}
