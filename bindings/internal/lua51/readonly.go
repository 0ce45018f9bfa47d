package lua51

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// openReadOnly makes the stock functions that read tables read the content of read-only ones, and makes those that
// change tables refuse them.
func openReadOnly(s *vm.State) {
	next := s.L.NewFunction(func(L *lua.LState) int { return luaNext(s, L) })
	through := s.L.NewFunction(readContent(next.GFunction))
	s.L.SetGlobal("next", through)
	s.L.SetGlobal("pairs", s.L.NewFunction(func(L *lua.LState) int {
		t := L.CheckTable(1)
		f := next
		if x := vm.ReadOnlyIn(t); x != nil {
			if err := x.Complete(vm.Context(L), L); err != nil {
				s.Raise(L, err)
			}
			f = through
		}
		L.Push(f)
		L.Push(t)
		L.Push(lua.LNil)
		return 3
	}))
	step := s.L.NewFunction(ipairsStep)
	s.L.SetGlobal("ipairs", s.L.NewFunction(func(L *lua.LState) int {
		t := L.CheckTable(1)
		L.Push(step)
		L.Push(t)
		L.Push(lua.LNumber(0))
		return 3
	}))
	replace(s, "_G", "rawget", readContent)
	for _, name := range []string{"getn", "maxn"} {
		replace(s, "table", name, func(stock lua.LGFunction) lua.LGFunction { return countLength(s, readContent(stock)) })
	}
	for _, f := range [][2]string{{"_G", "rawset"}, {"table", "insert"}, {"table", "remove"}, {"table", "sort"}} {
		name := strings.TrimPrefix(f[0]+"."+f[1], "_G.")
		replace(s, f[0], f[1], func(stock lua.LGFunction) lua.LGFunction {
			return func(L *lua.LState) int {
				if x := vm.ReadOnlyIn(L.Get(1)); x != nil {
					s.Raise(L, x.WriteError(L, name))
				}
				return stock(L)
			}
		})
	}
}

// replace sets a function of a library to what by makes of the present one.
func replace(s *vm.State, library, name string, by func(stock lua.LGFunction) lua.LGFunction) {
	f := s.L.NewFunction(by(s.Stock(library, name).GFunction))
	s.L.GetGlobal(library).(*lua.LTable).RawSetString(name, f)
}

// readContent makes a function that reads a table read the content of a read-only one.
func readContent(stock lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		if x := vm.ReadOnlyIn(L.Get(1)); x != nil {
			L.Replace(1, x.Values)
		}
		return stock(L)
	}
}

// countLength makes a stock function count the cost of finding the length of its table.
func countLength(s *vm.State, stock lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		t, _ := vm.TableIn(L.Get(1))
		s.Watchdog.Work(vm.LengthCost(t), 0)
		return stock(L)
	}
}

// luaNext is Lua's next. It counts the empty places that it passes.
func luaNext(s *vm.State, L *lua.LState) int {
	t := L.CheckTable(1)
	from, ok := vm.NextFrom(t, L.Get(2))
	if !ok {
		L.RaiseError("invalid key to 'next'")
	}
	key, value := t.Next(from)
	s.Watchdog.Work(vm.SkipCost(t, from, key), 0)
	if key == lua.LNil {
		L.Push(key)
		return 1
	}
	L.Push(key)
	L.Push(value)
	return 2
}

func ipairsStep(L *lua.LState) int {
	t, _ := vm.TableIn(L.CheckTable(1))
	i := L.CheckInt(2) + 1
	v := t.RawGetInt(i)
	if v == lua.LNil {
		return 0
	}
	L.Push(lua.LNumber(i))
	L.Push(v)
	return 2
}
