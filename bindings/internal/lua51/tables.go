package lua51

import (
	"context"
	"fmt"
	"sort"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// MaxResults is the largest number of results of one call. Lua's own stack has the same limit.
const MaxResults = 8000

// openTables replaces functions that have no limit in gopher-lua, and that a context does not end.
func openTables(s *vm.State) {
	lib := s.L.GetGlobal("table").(*lua.LTable)
	lib.RawSetString("concat", s.Function("table.concat", 0, concat))
	lib.RawSetString("sort", s.Function("table.sort", 0, sortTable))
	lib.RawSetString("insert", s.Function("table.insert", 0, insert))
	lib.RawSetString("maxn", s.Function("table.maxn", 0, maxn))
	lib.RawSetString("remove", s.Function("table.remove", 0, remove))
	s.L.SetGlobal("unpack", s.Function("unpack", 0, unpack))
	s.L.SetGlobal("setmetatable", s.Function("setmetatable", 0, setmetatable))
}

func concat(c *vm.Args) ([]lua.LValue, error) {
	t, sep := c.Table(1, "table"), ""
	if !c.None(2) {
		sep = Text(c, 2, "separator")
	}
	from, to := intArg(c, 3, "start", 1), intArg(c, 4, "end", t.Len())
	var texts []string
	size := 0
	for i := from; i <= to; i++ {
		v := t.RawGet(lua.LNumber(i))
		text, ok := textOf(v)
		if !ok {
			c.Fail("the value at index %d is a %s, which cannot be concatenated", i, v.Type())
		}
		c.Watchdog().Work(1, 0)
		texts = append(texts, text)
		if size += len(text) + len(sep); size > MaxString {
			return nil, errStringLimit(c)
		}
	}
	return vm.Ret(lua.LString(strings.Join(texts, sep)))
}

func unpack(c *vm.Args) ([]lua.LValue, error) {
	t := c.Table(1, "table")
	from, to := intArg(c, 2, "start", 1), intArg(c, 3, "end", t.Len())
	if from > to {
		return nil, nil
	}
	if n := uint64(to) - uint64(from); n >= MaxResults {
		c.Fail("too many results to unpack, more than %d", MaxResults)
	}
	var all []lua.LValue
	for i := from; i <= to; i++ {
		all = append(all, t.RawGet(lua.LNumber(i)))
	}
	return all, nil
}

// sorting are values with their order.
type sorting struct {
	values []lua.LValue
	less   func(a, b lua.LValue) bool
}

func (s sorting) Len() int           { return len(s.values) }
func (s sorting) Less(i, j int) bool { return s.less(s.values[i], s.values[j]) }
func (s sorting) Swap(i, j int)      { s.values[i], s.values[j] = s.values[j], s.values[i] }

// sortTable is table.sort. It sorts a copy, so that a comparison that changes the table, or fails, does no harm.
func sortTable(c *vm.Args) ([]lua.LValue, error) {
	t := c.Table(1, "table")
	values := make([]lua.LValue, t.Len())
	held := c.Watchdog().Draft()
	defer held.Release()
	held.Add(len(values) * vm.SizeValue)
	for i := range values {
		values[i] = t.RawGetInt(i + 1)
	}
	if c.None(2) {
		sortValues(c, c.L, values, func(a, b lua.LValue) bool {
			c.Watchdog().Work(vm.CompareCost(a, b), 0)
			return c.L.LessThan(a, b)
		})
	} else if err := sortBy(c, values, c.Func(2, "comparison")); err != nil {
		return nil, err
	}
	c.Watchdog().Work(len(values), 0)
	for i, v := range values {
		t.RawSetInt(i+1, v)
	}
	return nil, nil
}

// sortBy sorts with a comparison function. All of its calls are in one protected call, which costs more than a
// comparison does.
func sortBy(c *vm.Args, values []lua.LValue, by *lua.LFunction) error {
	_, err := c.State.Call(c.Ctx, c.L.NewFunction(func(L *lua.LState) int {
		sortValues(c, L, values, func(a, b lua.LValue) bool {
			L.Push(by)
			L.Push(a)
			L.Push(b)
			L.Call(2, 1)
			less := lua.LVAsBool(L.Get(-1))
			L.Pop(1)
			return less
		})
		return 0
	}))
	return err
}

// sortValues sorts in L until the context ends.
func sortValues(c *vm.Args, L *lua.LState, values []lua.LValue, less func(a, b lua.LValue) bool) {
	n := 0
	sort.Sort(sorting{values, func(a, b lua.LValue) bool {
		c.Watchdog().Work(2, 0)
		if n++; n%contextInterval == 0 {
			if err := context.Cause(c.Ctx); err != nil {
				c.State.Raise(L, err)
			}
		}
		return less(a, b)
	}})
}

// setmetatable takes tables alone. The stock function takes strings and flashlua's objects too.
func setmetatable(c *vm.Args) ([]lua.LValue, error) {
	c.Table(1, "table")
	t := c.Opt(1).(*lua.LTable)
	meta := c.Any(2, "metatable")
	if _, ok := meta.(*lua.LTable); !ok && meta != lua.LNil {
		c.Fail("argument 2, the metatable, must be a table or nil, not a %s", meta.Type())
	}
	if old, ok := t.Metatable.(*lua.LTable); ok && old.RawGetString("__metatable") != lua.LNil {
		return nil, fmt.Errorf("cannot change a protected metatable")
	}
	t.Metatable = meta
	return vm.Ret(t)
}
