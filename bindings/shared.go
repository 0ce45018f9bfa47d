package bindings

import (
	"slices"

	lua "github.com/yuin/gopher-lua"
)

// argumentList makes the list that a program is called with. The list is the program's own: it may shift and fill it. Names
// are refused: arguments have numbers.
func (h *host) argumentList(words []string) *lua.LTable {
	t := h.L.NewTable()
	for _, w := range words {
		t.Append(lua.LString(w))
	}
	named := func(c *args) {
		if _, number := c.opt(2).(lua.LNumber); !number {
			c.fail("it has no %s: arguments have numbers, args[1] is the first", c.opt(2))
		}
	}
	meta := h.L.NewTable()
	meta.RawSetString("__index", h.function("args", 0, func(c *args) ([]lua.LValue, error) {
		named(c)
		return ret(lua.LNil)
	}))
	meta.RawSetString("__newindex", h.function("args", 0, func(c *args) ([]lua.LValue, error) {
		named(c)
		t.RawSet(c.opt(2), c.opt(3))
		return nil, nil
	}))
	meta.RawSetString("__metatable", lua.LString("args"))
	t.Metatable = meta
	return t
}

// librarian is what the modules that come with flashlua get besides their name, and no others: the means to make closed
// tables of their own.
func (h *host) librarian() *lua.LTable {
	t := h.L.NewTable()
	t.RawSetString("closed", h.function("closed", 0, h.makeClosed))
	t.RawSetString("wrong_option", h.function("wrong_option", 0, h.wrongOption))
	t.RawSetString("record", h.function("record", 0, h.makeRecord))
	return t
}

// makeClosed is closed(kind, table): the table, to read only.
func (h *host) makeClosed(c *args) ([]lua.LValue, error) {
	x := &closed{kind: c.str(1, "kind"), data: c.Table(2, "table")}
	x.data.ForEach(func(k, _ lua.LValue) { x.known = append(x.known, k.String()) })
	return ret(h.record(x))
}

// makeRecord is record(kind, names, hint): a table in which these names can be set, and are there once they are.
func (h *host) makeRecord(c *args) ([]lua.LValue, error) {
	x := &closed{kind: c.str(1, "kind"), data: h.L.NewTable()}
	x.absent, x.hint = c.str(3, "hint"), "what else functions share can be a local of the script"
	c.Table(2, "names").ForEach(func(_, name lua.LValue) { x.known = append(x.known, name.String()) })
	x.put = func(_ *args, key string, v lua.LValue) bool {
		if !slices.Contains(x.known, key) {
			return false
		}
		x.data.RawSetString(key, v)
		return true
	}
	return ret(h.record(x))
}
