package bindings

import (
	"context"
	"fmt"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// maxUnpack bounds how many values one call gives, as Lua's own stack does.
const maxUnpack = 8000

// openTables bounds what stock functions do without bound, and lets a context end them.
func (h *host) openTables() {
	lib := h.L.GetGlobal("table").(*lua.LTable)
	lib.RawSetString("concat", h.function("table.concat", 0, concat))
	lib.RawSetString("sort", h.function("table.sort", 0, h.sort))
	for _, name := range []string{"insert", "remove"} {
		lib.RawSetString(name, h.L.NewFunction(h.moves(lib.RawGetString(name).(*lua.LFunction).GFunction)))
	}
	h.L.SetGlobal("unpack", h.function("unpack", 0, unpack))
	h.L.SetGlobal("setmetatable", h.function("setmetatable", 0, setmetatable))
}

// moves counts what a stock function moves in the list that it is called for: all values from a position on.
func (h *host) moves(stock lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		t, isTable := L.Get(1).(*lua.LTable)
		at, isNumber := L.Get(2).(lua.LNumber)
		h.watchdog.work(emptyTail(t)/perMoved, 0)
		if isTable && isNumber {
			n := t.Len() - toInt(float64(at))
			h.watchdog.work(max(n, -n)/perStep, 0)
		}
		return stock(L)
	}
}

func (c *args) table(i int, what string) *lua.LTable {
	t, ok := tableIn(c.any(i, what))
	if !ok {
		c.fail("argument %d, the %s, must be a table, not a %s", i, what, c.opt(i).Type())
	}
	return t
}

func (c *args) intLike(i int, what string, otherwise int) int {
	if c.none(i) {
		return otherwise
	}
	return toInt(c.number(i, what))
}

func concat(c *args) ([]lua.LValue, error) {
	t, sep := c.table(1, "table"), ""
	if !c.none(2) {
		sep = c.text(2, "separator")
	}
	from, to := c.intLike(3, "start", 1), c.intLike(4, "end", t.Len())
	var texts []string
	size := 0
	for i := from; i <= to; i++ {
		v := t.RawGetInt(i)
		text, ok := textOf(v)
		if !ok {
			c.fail("the value at index %d is a %s, which cannot be concatenated", i, v.Type())
		}
		c.watchdog().work(1, 0)
		texts = append(texts, text)
		if size += len(text) + len(sep); size > maxString {
			return nil, errStringLimit(c)
		}
	}
	return ret(lua.LString(strings.Join(texts, sep)))
}

func unpack(c *args) ([]lua.LValue, error) {
	t := c.table(1, "table")
	from, to := c.intLike(2, "start", 1), c.intLike(3, "end", t.Len())
	if from > to {
		return nil, nil
	}
	if n := uint64(to) - uint64(from); n >= maxUnpack {
		c.fail("too many results to unpack, more than %d", maxUnpack)
	}
	var all []lua.LValue
	for i := from; i <= to; i++ {
		all = append(all, t.RawGetInt(i))
	}
	return all, nil
}

// sort works on a copy, so that a comparison which changes the table, or fails, does no harm.
func (h *host) sort(c *args) ([]lua.LValue, error) {
	t := c.table(1, "table")
	less := func(a, b lua.LValue) bool {
		c.watchdog().work(comparison(a, b), 0)
		return c.L.LessThan(a, b)
	}
	if !c.none(2) {
		by := c.function(2, "comparison")
		less = func(a, b lua.LValue) bool {
			results, err := h.call(c.ctx, by, a, b)
			if err != nil {
				panic(argError{err})
			}
			return len(results) > 0 && lua.LVAsBool(results[0])
		}
	}
	values := make([]lua.LValue, t.Len())
	held := draft{watchdog: c.watchdog()}
	defer held.release()
	held.add(len(values) * sizeValue)
	for i := range values {
		values[i] = t.RawGetInt(i + 1)
	}
	n := 0
	slices.SortFunc(values, func(a, b lua.LValue) int {
		c.watchdog().work(2, 0)
		if n++; n%checkEvery == 0 {
			if err := context.Cause(c.ctx); err != nil {
				panic(argError{err})
			}
		}
		switch {
		case less(a, b):
			return -1
		case less(b, a):
			return 1
		}
		return 0
	})
	c.watchdog().work(len(values), 0)
	for i, v := range values {
		t.RawSetInt(i+1, v)
	}
	return nil, nil
}

// setmetatable takes tables alone: stock takes strings and our own objects too.
func setmetatable(c *args) ([]lua.LValue, error) {
	c.table(1, "table")
	t := c.opt(1).(*lua.LTable)
	meta := c.any(2, "metatable")
	if _, ok := meta.(*lua.LTable); !ok && meta != lua.LNil {
		c.fail("argument 2, the metatable, must be a table or nil, not a %s", meta.Type())
	}
	if old, ok := t.Metatable.(*lua.LTable); ok && old.RawGetString("__metatable") != lua.LNil {
		return nil, fmt.Errorf("cannot change a protected metatable")
	}
	t.Metatable = meta
	return ret(t)
}
