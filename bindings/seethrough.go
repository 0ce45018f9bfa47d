package bindings

import (
	"context"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openClosed makes the stock functions that work on tables see through closed ones, and those that change tables refuse them.
func (h *host) openClosed() {
	next := h.L.NewFunction(h.skips(h.stock("_G", "next").GFunction))
	through := h.L.NewFunction(seeThrough(next.GFunction))
	h.L.SetGlobal("next", through)
	h.L.SetGlobal("pairs", h.L.NewFunction(func(L *lua.LState) int {
		t := L.CheckTable(1)
		f := next
		if x := closedIn(t); x != nil {
			if err := x.complete(contextOf(L), L); err != nil {
				h.raise(L, err)
			}
			f = through
		}
		L.Push(f)
		L.Push(t)
		L.Push(lua.LNil)
		return 3
	}))
	step := h.L.NewFunction(ipairsStep)
	h.L.SetGlobal("ipairs", h.L.NewFunction(func(L *lua.LState) int {
		t := L.CheckTable(1)
		L.Push(step)
		L.Push(t)
		L.Push(lua.LNumber(0))
		return 3
	}))
	for _, f := range [][2]string{{"_G", "rawget"}, {"table", "getn"}, {"table", "maxn"}} {
		stock := seeThrough(h.stock(f[0], f[1]).GFunction)
		if f[0] == "table" {
			stock = h.ends(stock)
		}
		h.replace(f, stock)
	}
	for _, f := range [][2]string{{"_G", "rawset"}, {"table", "insert"}, {"table", "remove"}, {"table", "sort"}} {
		does, stock := strings.TrimPrefix(f[0]+"."+f[1], "_G."), h.stock(f[0], f[1]).GFunction
		h.replace(f, func(L *lua.LState) int {
			if x := closedIn(L.Get(1)); x != nil {
				h.raise(L, x.readOnly(L, does, "the "+x.kind))
			}
			return stock(L)
		})
	}
}

// seeThrough makes a function that reads a table read what is behind a closed one.
func seeThrough(stock lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		if x := closedIn(L.Get(1)); x != nil {
			L.Replace(1, x.data)
		}
		return stock(L)
	}
}

func ipairsStep(L *lua.LState) int {
	t, _ := tableIn(L.CheckTable(1))
	i := L.CheckInt(2) + 1
	v := t.RawGetInt(i)
	if v == lua.LNil {
		return 0
	}
	L.Push(lua.LNumber(i))
	L.Push(v)
	return 2
}

func contextOf(L *lua.LState) context.Context {
	if ctx := L.Context(); ctx != nil {
		return ctx
	}
	return context.Background()
}

// stock is a function of Lua's library as it is now.
func (h *host) stock(lib, name string) *lua.LFunction {
	return h.L.GetGlobal(lib).(*lua.LTable).RawGetString(name).(*lua.LFunction)
}

func (h *host) replace(f [2]string, by lua.LGFunction) {
	h.L.GetGlobal(f[0]).(*lua.LTable).RawSetString(f[1], h.L.NewFunction(by))
}
