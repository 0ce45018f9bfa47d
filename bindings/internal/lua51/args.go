package lua51

import (
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// text takes a string, or a number as Lua does.
func Text(c *vm.Args, i int, what string) string {
	if t, ok := textOf(c.Opt(i)); ok {
		return t
	}
	return c.Str(i, what)
}

// number takes a number, or a string that is one.
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

// index is a place in a string of n bytes, counted from 1, from the end if it is negative.
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

// toInt cuts a number to an integer, as C does where that is defined.
func toInt(f float64) int {
	switch {
	case f != f:
		return math.MinInt64
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int(f)
}

func intArg(c *vm.Args, i int, what string, otherwise int) int {
	if c.None(i) {
		return otherwise
	}
	return toInt(numberArg(c, i, what))
}
