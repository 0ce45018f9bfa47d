package lua51

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
)

// strFind and strMatch are string.find and string.match.
func strFind(c *vm.Args) ([]lua.LValue, error)  { return search(c, true) }
func strMatch(c *vm.Args) ([]lua.LValue, error) { return search(c, false) }

// search returns the results of string.find or string.match.
func search(c *vm.Args, find bool) ([]lua.LValue, error) {
	s, pattern := Text(c, 1, "string"), Text(c, 2, "pattern")
	start := min(max(indexArg(c, 3, "start", 1, len(s))-1, 0), len(s))
	c.Watchdog().Work(len(pattern)/vm.BytesPerStep, 0)
	if find && (lua.LVAsBool(c.Opt(4)) || !strings.ContainsAny(pattern, "^$*+?.([%-")) {
		c.Watchdog().Work((len(s)-start)/vm.BytesPerStep, 0)
		at := strings.Index(s[start:], pattern)
		if at < 0 {
			return vm.Ret(lua.LNil)
		}
		return []lua.LValue{lua.LNumber(start + at + 1), lua.LNumber(start + at + len(pattern))}, nil
	}
	m := &matcher{ctx: c.Ctx, watchdog: c.Watchdog(), src: s, pat: pattern}
	from, to, err := m.find(start)
	if err != nil {
		return nil, patternError(c, err)
	}
	if to < 0 {
		return vm.Ret(lua.LNil)
	}
	if find {
		caught, err := m.values(from, to, false)
		return append([]lua.LValue{lua.LNumber(from + 1), lua.LNumber(to)}, caught...), patternError(c, err)
	}
	caught, err := m.values(from, to, true)
	return caught, patternError(c, err)
}

// patternError returns the error of a search. A malformed pattern is a wrong argument, too much work breaks a
// limit.
func patternError(c *vm.Args, err error) error {
	fault, ok := err.(patternFault)
	switch {
	case !ok:
		return err // the context's, a callback's
	case fault == errPatternWork:
		return classify.New(classify.ScriptLimit, "%s %s: %v", strings.TrimSpace(c.L.Where(1)), c.Name, err)
	}
	c.Fail("%v", err)
	return nil
}

// values returns the captures. If there are none and whole is set, it returns the whole match.
func (m *matcher) values(from, to int, whole bool) ([]lua.LValue, error) {
	if len(m.captures) == 0 && whole {
		return vm.Ret(lua.LString(strings.Clone(m.src[from:to])))
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
	return lua.LString(strings.Clone(m.text(n))), nil // a part would keep all of src in memory
}

// gmatch is string.gmatch. In its pattern, an anchor is an ordinary character.
func gmatch(c *vm.Args) ([]lua.LValue, error) {
	m := &matcher{watchdog: c.Watchdog(), src: Text(c, 1, "string"), pat: Text(c, 2, "pattern")}
	if strings.HasPrefix(m.pat, "^") {
		m.pat = "%" + m.pat
	}
	at := 0
	next := c.State.Function("string.gmatch", 0, func(c *vm.Args) ([]lua.LValue, error) {
		m.ctx, m.steps = c.Ctx, 0
		if at > len(m.src) {
			return vm.Ret(lua.LNil)
		}
		from, to, err := m.find(at)
		if err != nil || to < 0 {
			at = len(m.src) + 1
			return []lua.LValue{lua.LNil}, patternError(c, err)
		}
		if at = to; to == from {
			at++
		}
		caught, err := m.values(from, to, true)
		return caught, patternError(c, err)
	})
	return vm.Ret(c.State.L.NewClosure(next.GFunction, lua.LString(m.src), lua.LString(m.pat))) // the upvalues count the memory that next holds
}

// gsub is string.gsub.
func gsub(c *vm.Args) ([]lua.LValue, error) {
	s, pattern := Text(c, 1, "string"), Text(c, 2, "pattern")
	limit := len(s) + 1
	if !c.None(4) {
		limit = toInt(numberArg(c, 4, "limit"))
	}
	replace, err := replacement(c)
	if err != nil {
		return nil, err
	}
	m := &matcher{ctx: c.Ctx, watchdog: c.Watchdog(), src: s, pat: pattern}
	var out strings.Builder
	held := c.Watchdog().Draft()
	defer held.Release()
	at, n := 0, 0
	for n < limit {
		end, err := m.matchAt(at)
		if err != nil {
			return nil, patternError(c, err)
		}
		if end >= 0 {
			n++
			text, err := replace(m, at, end)
			if err != nil {
				return nil, patternError(c, err)
			}
			if out.Len()+len(text) > MaxString {
				return nil, errStringLimit(c)
			}
			out.WriteString(text)
			held.Add(len(text))
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

// replacement returns the function that computes the text for a match, from a string, a table or a function.
func replacement(c *vm.Args) (func(m *matcher, from, to int) (string, error), error) {
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
	switch by := c.Any(3, "replacement").(type) {
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
			results, err := c.State.Call(c.Ctx, by, caught...)
			if err != nil || len(results) == 0 {
				return m.src[from:to], err
			}
			return keep(m, from, to, results[0])
		}, nil
	}
	c.Fail("argument 3, the replacement, must be a string, a table or a function, not a %s", c.Opt(3).Type())
	return nil, nil
}

// expand returns a replacement string with its captures filled in.
func (m *matcher) expand(with string, from, to int) (string, error) {
	var out strings.Builder
	for i := 0; i < len(with); i++ {
		if with[i] != '%' {
			out.WriteByte(with[i])
			continue
		}
		if i++; i == len(with) {
			out.WriteByte(0) // Lua 5.1 reads the zero after the end of the string
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
