package lua51

import (
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// whitespace are the characters of C's isspace.
const whitespace = " \t\n\v\f\r"

// parseNumber reads a number as Lua 5.1 does: up to a zero byte. "inf" and "nan" are not numbers.
func parseNumber(s string) (float64, bool) {
	s, _, _ = strings.Cut(s, "\x00")
	s = strings.Trim(s, whitespace)
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || digits == "" || strings.Contains(digits, "_") || !isDigit(digits[0]) && digits[0] != '.' {
		return 0, false
	}
	if len(digits) > 1 && digits[0] == '0' && digits[1]|0x20 == 'x' && !strings.ContainsAny(s, "pP") {
		s += "p0"
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil || errors.Is(err, strconv.ErrRange)
}

func toNumber(c *vm.Args) ([]lua.LValue, error) {
	if !c.None(2) && c.Opt(2) != lua.LNumber(10) {
		return inBase(c, toInt(numberArg(c, 2, "base")))
	}
	switch v := c.Any(1, "value").(type) {
	case lua.LNumber:
		return vm.Ret(v)
	case lua.LString:
		c.Watchdog().Work(len(v)/vm.BytesPerStep, 0)
		if f, ok := parseNumber(string(v)); ok {
			return vm.Ret(lua.LNumber(f))
		}
	}
	return vm.Ret(lua.LNil)
}

// inBase reads a whole number as C's strtoul does: a negative one wraps around.
func inBase(c *vm.Args, base int) ([]lua.LValue, error) {
	if base < 2 || base > 36 {
		c.Fail("argument 2, the base, must be between 2 and 36")
	}
	s, _, _ := strings.Cut(Text(c, 1, "value"), "\x00")
	s = strings.Trim(s, whitespace)
	negative := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+")
	if len(s) > 2 && base == 16 && s[0] == '0' && s[1]|0x20 == 'x' {
		s = s[2:]
	}
	n, err := strconv.ParseUint(s, base, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return vm.Ret(lua.LNil)
	}
	if negative {
		n = -n
	}
	return vm.Ret(lua.LNumber(n))
}

// openMath replaces what gopher-lua's math gets wrong: huge, the errors of random, and its seed, which all states
// share.
func openMath(s *vm.State) {
	lib := s.L.GetGlobal("math").(*lua.LTable)
	lib.RawSetString("huge", lua.LNumber(math.Inf(1)))
	lib.RawSetString("modf", s.Function("math.modf", 0, modf))
	for name, arguments := range mathArguments {
		lib.RawSetString(name, s.L.NewFunction(withNumbers(name, arguments, s.Stock("math", name).GFunction)))
	}
	lib.RawSetString("mod", lib.RawGetString("fmod"))
	r := rand.New(rand.NewPCG(0, 0))
	lib.RawSetString("randomseed", s.Function("math.randomseed", 0, func(c *vm.Args) ([]lua.LValue, error) {
		r = rand.New(rand.NewPCG(math.Float64bits(numberArg(c, 1, "seed")), 0))
		return nil, nil
	}))
	lib.RawSetString("random", s.Function("math.random", 0, func(c *vm.Args) ([]lua.LValue, error) {
		if c.None(1) {
			return vm.Ret(lua.LNumber(r.Float64()))
		}
		low, high := 1, toInt(numberArg(c, 1, "limit"))
		if !c.None(2) {
			low, high = high, toInt(numberArg(c, 2, "limit"))
		}
		if high < low || uint64(high)-uint64(low) >= math.MaxInt64 {
			c.Fail("the interval from %d to %d is empty, or too large", low, high)
		}
		return vm.Ret(lua.LNumber(low + int(r.Uint64N(uint64(high)-uint64(low)+1))))
	}))
}

// mathArguments are the stock functions of math with the number of their arguments.
var mathArguments = map[string]int{
	"abs": 1, "acos": 1, "asin": 1, "atan": 1, "atan2": 2, "ceil": 1, "cos": 1, "cosh": 1, "deg": 1, "exp": 1, "floor": 1, "fmod": 2,
	"frexp": 1, "ldexp": 2, "log": 1, "log10": 1, "max": math.MaxInt, "min": math.MaxInt, "pow": 2, "rad": 1, "sin": 1, "sinh": 1,
	"sqrt": 1, "tan": 1, "tanh": 1,
}

// withNumbers makes a stock function convert strings as Lua does: gopher-lua reads "010" as 8, or takes no strings.
func withNumbers(name string, arguments int, stock lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		for i := 1; i <= min(arguments, L.GetTop()); i++ {
			if t, ok := L.Get(i).(lua.LString); ok {
				n, ok := parseNumber(string(t))
				if !ok {
					L.RaiseError("bad argument #%d to '%s' (number expected, got string)", i, name)
				}
				L.Replace(i, lua.LNumber(n))
			}
		}
		return stock(L)
	}
}

// modf is math.modf. Of an infinity, the fraction is 0.
func modf(c *vm.Args) ([]lua.LValue, error) {
	f := numberArg(c, 1, "number")
	whole, part := math.Modf(f)
	if math.IsInf(f, 0) {
		part = 0
	}
	return []lua.LValue{lua.LNumber(whole), lua.LNumber(part)}, nil
}
