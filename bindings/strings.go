package bindings

import (
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/classify"
)

// maxString bounds what one call may make.
const maxString = 16 << 20

// openStrings makes Lua 5.1's string library: gopher-lua's own differs in patterns, format, byte, upper and lower, and
// bounds nothing.
func (h *host) openStrings() {
	lib := h.L.GetGlobal("string").(*lua.LTable)
	for name, f := range map[string]builtin{
		"byte": strByte, "find": strFind, "format": h.format, "gmatch": h.gmatch, "gsub": h.gsub, "lower": strLower,
		"match": strMatch, "rep": strRep, "upper": strUpper,
	} {
		lib.RawSetString(name, h.function("string."+name, 0, f))
	}
	for _, name := range []string{"reverse", "sub"} {
		lib.RawSetString(name, h.L.NewFunction(h.copies(lib.RawGetString(name).(*lua.LFunction).GFunction)))
	}
	lib.RawSetString("gfind", lua.LNil)
	lib.RawSetString("dump", lua.LNil)
}

// text takes a string, or a number as Lua does.
func (c *args) text(i int, what string) string {
	if t, ok := textOf(c.opt(i)); ok {
		return t
	}
	return c.str(i, what)
}

// number takes a number, or a string that is one.
func (c *args) number(i int, what string) float64 {
	switch v := c.any(i, what).(type) {
	case lua.LNumber:
		return float64(v)
	case lua.LString:
		if n, ok := parseNumber(string(v)); ok {
			return n
		}
	}
	c.fail("argument %d, the %s, must be a number, not a %s", i, what, c.opt(i).Type())
	return 0
}

// index is a place in a string of n bytes, counted from 1, from the end if it is negative.
func (c *args) index(i int, what string, otherwise, n int) int {
	if c.none(i) {
		return otherwise
	}
	at := toInt(c.number(i, what))
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

func ret(v lua.LValue) ([]lua.LValue, error) { return []lua.LValue{v}, nil }

func strByte(c *args) ([]lua.LValue, error) {
	s := c.text(1, "string")
	from := c.index(2, "start", 1, len(s))
	to := min(c.index(3, "end", from, len(s)), len(s))
	var all []lua.LValue
	if to-max(from, 1) >= maxUnpack {
		c.fail("more than %d bytes", maxUnpack)
	}
	for i := max(from, 1); i <= to; i++ {
		all = append(all, lua.LNumber(s[i-1]))
	}
	return all, nil
}

// copies makes a stock function count the text that it returns, and return a copy: a part of a text would hold the whole.
func (h *host) copies(stock lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		n := stock(L)
		text := lua.LVAsString(L.Get(-1))
		h.watchdog.work(0, len(text))
		L.Pop(1)
		L.Push(lua.LString(strings.Clone(text)))
		return n
	}
}

// strLower and strUpper know ASCII, as Lua in the C locale: anything else is bytes.
func strLower(c *args) ([]lua.LValue, error) { return ret(changeCase(c.text(1, "string"), 'A', 'Z')) }
func strUpper(c *args) ([]lua.LValue, error) { return ret(changeCase(c.text(1, "string"), 'a', 'z')) }

func changeCase(s string, from, to byte) lua.LValue {
	b := []byte(s)
	for i, x := range b {
		if x >= from && x <= to {
			b[i] = x ^ 0x20
		}
	}
	return lua.LString(b)
}

func strRep(c *args) ([]lua.LValue, error) {
	s, n := c.text(1, "string"), max(toInt(c.number(2, "count")), 0)
	if n > 0 && len(s) > maxString/n {
		return nil, errStringLimit(c)
	}
	return ret(lua.LString(strings.Repeat(s, n)))
}

func errStringLimit(c *args) error {
	return classify.New(classify.ScriptLimit, "%s would make more than %d MiB", c.name, maxString>>20)
}

// strFind and strMatch are one search with two answers.
func strFind(c *args) ([]lua.LValue, error)  { return search(c, true) }
func strMatch(c *args) ([]lua.LValue, error) { return search(c, false) }

func search(c *args, find bool) ([]lua.LValue, error) {
	s, pattern := c.text(1, "string"), c.text(2, "pattern")
	start := min(max(c.index(3, "start", 1, len(s))-1, 0), len(s))
	c.watchdog().work(len(pattern)/perStep, 0)
	if find && (lua.LVAsBool(c.opt(4)) || !strings.ContainsAny(pattern, "^$*+?.([%-")) {
		c.watchdog().work((len(s)-start)/perStep, 0)
		at := strings.Index(s[start:], pattern)
		if at < 0 {
			return ret(lua.LNil)
		}
		return []lua.LValue{lua.LNumber(start + at + 1), lua.LNumber(start + at + len(pattern))}, nil
	}
	m := &matcher{ctx: c.ctx, watchdog: c.watchdog(), src: s, pat: pattern}
	from, to, err := m.find(start)
	if err != nil {
		return nil, c.pattern(err)
	}
	if to < 0 {
		return ret(lua.LNil)
	}
	if find {
		caught, err := m.values(from, to, false)
		return append([]lua.LValue{lua.LNumber(from + 1), lua.LNumber(to)}, caught...), c.pattern(err)
	}
	caught, err := m.values(from, to, true)
	return caught, c.pattern(err)
}

// pattern is the error of a bad pattern: one that works too long breaks a limit.
func (c *args) pattern(err error) error {
	fault, ok := err.(patternFault)
	switch {
	case !ok:
		return err // the context's, a callback's
	case fault == errPatternWork:
		return classify.New(classify.ScriptLimit, "%s %s: %v", strings.TrimSpace(c.L.Where(1)), c.name, err)
	}
	c.fail("%v", err)
	return nil
}

// values are the captures, the whole match if there are none and whole is set.
func (m *matcher) values(from, to int, whole bool) ([]lua.LValue, error) {
	if len(m.captures) == 0 && whole {
		return ret(lua.LString(strings.Clone(m.src[from:to])))
	}
	var all []lua.LValue
	for n := range m.captures {
		v, err := m.value(n)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

func (m *matcher) value(n int) (lua.LValue, error) {
	switch c := m.captures[n]; c.length {
	case openCapture:
		return nil, errCaptureOpen
	case positionCapture:
		return lua.LNumber(c.from + 1), nil
	}
	return lua.LString(strings.Clone(m.text(n))), nil // a part would hold the whole
}

// gmatch gives an iterator. An anchor means nothing in it.
func (h *host) gmatch(c *args) ([]lua.LValue, error) {
	m := &matcher{watchdog: c.watchdog(), src: c.text(1, "string"), pat: c.text(2, "pattern")}
	if strings.HasPrefix(m.pat, "^") {
		m.pat = "%" + m.pat
	}
	at := 0
	next := h.function("string.gmatch", 0, func(c *args) ([]lua.LValue, error) {
		m.ctx, m.steps = c.ctx, 0
		if at > len(m.src) {
			return ret(lua.LNil)
		}
		from, to, err := m.find(at)
		if err != nil || to < 0 {
			at = len(m.src) + 1
			return []lua.LValue{lua.LNil}, c.pattern(err)
		}
		if at = to; to == from {
			at++
		}
		caught, err := m.values(from, to, true)
		return caught, c.pattern(err)
	})
	return ret(h.L.NewClosure(next.GFunction, lua.LString(m.src), lua.LString(m.pat))) // which it holds, for who measures
}

func (h *host) gsub(c *args) ([]lua.LValue, error) {
	s, pattern := c.text(1, "string"), c.text(2, "pattern")
	limit := len(s) + 1
	if !c.none(4) {
		limit = toInt(c.number(4, "limit"))
	}
	replace, err := h.replacement(c)
	if err != nil {
		return nil, err
	}
	m := &matcher{ctx: c.ctx, watchdog: c.watchdog(), src: s, pat: pattern}
	var out strings.Builder
	held := draft{watchdog: c.watchdog()}
	defer held.release()
	at, n := 0, 0
	for n < limit {
		end, err := m.matchAt(at)
		if err != nil {
			return nil, c.pattern(err)
		}
		if end >= 0 {
			n++
			text, err := replace(m, at, end)
			if err != nil {
				return nil, c.pattern(err)
			}
			if out.Len()+len(text) > maxString {
				return nil, errStringLimit(c)
			}
			out.WriteString(text)
			held.add(len(text))
		}
		switch {
		case end > at:
			at = end
		case at < len(s):
			out.WriteByte(s[at])
			at++
		default:
			at++
		}
		if at > len(s) || strings.HasPrefix(pattern, "^") {
			break
		}
	}
	out.WriteString(s[min(at, len(s)):])
	return []lua.LValue{lua.LString(out.String()), lua.LNumber(n)}, nil
}

// replacement is what gsub puts in the place of a match: of a string, a table or a function.
func (h *host) replacement(c *args) (func(m *matcher, from, to int) (string, error), error) {
	keep := func(m *matcher, from, to int, v lua.LValue) (string, error) {
		if !lua.LVAsBool(v) {
			return m.src[from:to], nil
		}
		t, ok := textOf(v)
		if !ok {
			return "", patternFault("invalid replacement value (a " + v.Type().String() + ")")
		}
		return t, nil
	}
	switch by := c.any(3, "replacement").(type) {
	case lua.LString, lua.LNumber:
		with, _ := textOf(by)
		return func(m *matcher, from, to int) (string, error) { return m.expand(with, from, to) }, nil
	case *lua.LTable:
		return func(m *matcher, from, to int) (string, error) {
			caught, err := m.values(from, to, true)
			if err != nil {
				return "", err
			}
			return keep(m, from, to, c.L.GetTable(by, caught[0]))
		}, nil
	case *lua.LFunction:
		return func(m *matcher, from, to int) (string, error) {
			caught, err := m.values(from, to, true)
			if err != nil {
				return "", err
			}
			results, err := h.call(c.ctx, by, caught...)
			if err != nil || len(results) == 0 {
				return m.src[from:to], err
			}
			return keep(m, from, to, results[0])
		}, nil
	}
	c.fail("argument 3, the replacement, must be a string, a table or a function, not a %s", c.opt(3).Type())
	return nil, nil
}

// expand puts the captures into a replacement.
func (m *matcher) expand(with string, from, to int) (string, error) {
	var out strings.Builder
	for i := 0; i < len(with); i++ {
		if with[i] != '%' {
			out.WriteByte(with[i])
			continue
		}
		if i++; i == len(with) {
			out.WriteByte(0) // what Lua 5.1 reads behind the end
			break
		}
		switch d := with[i]; {
		case !isDigit(d):
			out.WriteByte(d)
		case d == '0', d == '1' && len(m.captures) == 0:
			out.WriteString(m.src[from:to])
		case int(d-'1') >= len(m.captures):
			return "", errCaptureIndex
		default:
			v, err := m.value(int(d - '1'))
			if err != nil {
				return "", err
			}
			t, _ := textOf(v)
			out.WriteString(t)
		}
	}
	return out.String(), nil
}
