package bindings

import (
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// whitespace are what C's isspace knows.
const whitespace = " \t\n\v\f\r"

// parseNumber reads a number as Lua 5.1 does. "inf" and "nan" are none.
func parseNumber(s string) (float64, bool) {
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

func tonumber(c *args) ([]lua.LValue, error) {
	if !c.none(2) && c.opt(2) != lua.LNumber(10) {
		return inBase(c, toInt(c.number(2, "base")))
	}
	switch v := c.any(1, "value").(type) {
	case lua.LNumber:
		return ret(v)
	case lua.LString:
		c.watchdog().work(len(v)/perStep, 0)
		if f, ok := parseNumber(string(v)); ok {
			return ret(lua.LNumber(f))
		}
	}
	return ret(lua.LNil)
}

// inBase reads a whole number as C's strtoul does: a negative one wraps round.
func inBase(c *args, base int) ([]lua.LValue, error) {
	if base < 2 || base > 36 {
		c.fail("argument 2, the base, must be between 2 and 36")
	}
	s := strings.Trim(c.text(1, "value"), whitespace)
	negative := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+")
	if len(s) > 2 && base == 16 && s[0] == '0' && s[1]|0x20 == 'x' {
		s = s[2:]
	}
	n, err := strconv.ParseUint(s, base, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return ret(lua.LNil)
	}
	if negative {
		n = -n
	}
	return ret(lua.LNumber(n))
}

// openMath mends what stock math does wrong: huge, random's faults and its seed, which all states share.
func (h *host) openMath() {
	lib := h.L.GetGlobal("math").(*lua.LTable)
	lib.RawSetString("huge", lua.LNumber(math.Inf(1)))
	lib.RawSetString("mod", lib.RawGetString("fmod"))
	r := rand.New(rand.NewPCG(0, 0))
	lib.RawSetString("randomseed", h.function("math.randomseed", 0, func(c *args) ([]lua.LValue, error) {
		r = rand.New(rand.NewPCG(math.Float64bits(c.number(1, "seed")), 0))
		return nil, nil
	}))
	lib.RawSetString("random", h.function("math.random", 0, func(c *args) ([]lua.LValue, error) {
		if c.none(1) {
			return ret(lua.LNumber(r.Float64()))
		}
		low, high := 1, toInt(c.number(1, "limit"))
		if !c.none(2) {
			low, high = high, toInt(c.number(2, "limit"))
		}
		if high < low || uint64(high)-uint64(low) >= math.MaxInt64 {
			c.fail("the interval from %d to %d is empty, or too large", low, high)
		}
		return ret(lua.LNumber(low + int(r.Uint64N(uint64(high)-uint64(low)+1))))
	}))
}

// openArithmetic makes strings numbers as Lua does: gopher-lua takes "010" for 8 and "1_0" for 10.
func (h *host) openArithmetic() {
	mt := h.L.NewTable()
	mt.RawSetString("__index", h.L.GetGlobal("string"))
	for event, do := range map[string]func(a, b float64) float64{
		"__add": func(a, b float64) float64 { return a + b },
		"__sub": func(a, b float64) float64 { return a - b },
		"__mul": func(a, b float64) float64 { return a * b },
		"__div": func(a, b float64) float64 { return a / b },
		"__mod": func(a, b float64) float64 { return a - math.Floor(a/b)*b },
		"__pow": math.Pow,
		"__unm": func(a, _ float64) float64 { return -a },
	} {
		mt.RawSetString(event, h.function(strings.TrimPrefix(event, "__"), 0, func(c *args) ([]lua.LValue, error) {
			c.watchdog().work(textCost(c.opt(1))+textCost(c.opt(2)), 0)
			a, okA := operand(c.opt(1))
			b, okB := operand(c.opt(2))
			if event == "__unm" {
				b, okB = a, okA
			}
			if !okA || !okB {
				c.L.RaiseError("attempt to perform arithmetic on a %s and a %s", c.opt(1).Type(), c.opt(2).Type())
			}
			return ret(lua.LNumber(do(a, b)))
		}))
	}
	h.L.SetMetatable(lua.LString(""), mt)
}

func operand(v lua.LValue) (float64, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		return parseNumber(string(v))
	}
	return 0, false
}
