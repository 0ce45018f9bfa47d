package lua51

import (
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// Text returns argument i, a string, or a number as text.
func Text(c *vm.Args, i int, what string) string {
	if t, ok := textOf(c.Opt(i)); ok {
		return t
	}
	return c.Str(i, what)
}

// numberArg returns argument i, a number, or a string that is one.
func numberArg(c *vm.Args, i int, what string) float64 {
	switch v := c.Any(i, what).(type) {
	case lua.LNumber:
		return float64(v)
	case lua.LString:
		if n, ok := parseNumber(string(v)); ok {
			return n
		}
	}
	c.Fail("argument %d, the %s, must be a number, not a %s", i, what, c.Opt(i).Type())
	return 0
}

// indexArg returns argument i, a position in a string of n bytes that counts from 1; a negative one counts from
// the end. A missing one is otherwise.
func indexArg(c *vm.Args, i int, what string, otherwise, n int) int {
	if c.None(i) {
		return otherwise
	}
	at := toInt(numberArg(c, i, what))
	if at < 0 {
		at = max(n+at+1, 0)
	}
	return at
}

// toInt truncates a number to an integer. Where C leaves the result undefined, it is the nearest integer.
func toInt(f float64) int {
	switch {
	case f != f:
		return math.MinInt
	case f >= math.MaxInt:
		return math.MaxInt
	case f <= math.MinInt:
		return math.MinInt
	}
	return int(f)
}

// intArg returns argument i, a number truncated to an integer; a missing one is otherwise.
func intArg(c *vm.Args, i int, what string, otherwise int) int {
	if c.None(i) {
		return otherwise
	}
	return toInt(numberArg(c, i, what))
}
