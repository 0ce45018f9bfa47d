package lua51

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
)

// listArg returns argument 1, a table, without the empty places at the end of its list, and the length of the list.
func listArg(c *vm.Args) (*lua.LTable, int) {
	t := c.Table(1, "table")
	c.Watchdog().Work(vm.LengthCost(t), 0)
	return t, vm.TrimList(t)
}

// insert is table.insert.
func insert(c *vm.Args) ([]lua.LValue, error) {
	t, n := listArg(c)
	at, v := n+1, c.Opt(2)
	switch c.L.GetTop() {
	case 2:
	case 3:
		at, v = toInt(numberArg(c, 2, "position")), c.Opt(3)
	default:
		c.Fail("takes 2 or 3 arguments, not %d", c.L.GetTop())
	}
	switch {
	case at > n:
		if at >= lua.MaxArrayIndex {
			return nil, classify.New(classify.ScriptLimit, "%s: a list of more than %d values", c.Name, lua.MaxArrayIndex-1)
		}
		c.Watchdog().Work(vm.GapCost(t, lua.LNumber(at)), 0)
		if v != lua.LNil {
			t.RawSet(lua.LNumber(at), v)
		}
	case at >= 1:
		c.Watchdog().Work((n-at)/vm.BytesPerStep, 0)
		t.Insert(at, v)
	default:
		c.Watchdog().Work(n-at, 0)
		for i := n + 1; i > at; i-- {
			t.RawSet(lua.LNumber(i), t.RawGet(lua.LNumber(i-1)))
		}
		t.RawSet(lua.LNumber(at), v)
	}
	return nil, nil
}

// remove is table.remove. It returns nothing if the position is outside of the list.
func remove(c *vm.Args) ([]lua.LValue, error) {
	t, n := listArg(c)
	at := intArg(c, 2, "position", n)
	if at < 1 || at > n {
		return nil, nil
	}
	c.Watchdog().Work((n-at)/vm.BytesPerStep, 0)
	return vm.Ret(t.Remove(at))
}

// maxn is table.maxn.
func maxn(c *vm.Args) ([]lua.LValue, error) {
	t := c.Table(1, "table")
	most, n := lua.LNumber(0), 0
	t.ForEach(func(k, _ lua.LValue) {
		n++
		if k, ok := k.(lua.LNumber); ok {
			most = max(most, k)
		}
	})
	c.Watchdog().Work(n/vm.BytesPerStep, 0)
	return vm.Ret(most)
}
