package lua51

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
)

// MaxString is the largest string in bytes that one call makes.
const MaxString = 16 << 20

// openStrings replaces the string library. gopher-lua's own differs from Lua 5.1 in patterns, format, byte, upper
// and lower, and has no limits.
func openStrings(s *vm.State) {
	lib := s.L.GetGlobal("string").(*lua.LTable)
	for name, f := range map[string]vm.Builtin{
		"byte": strByte, "find": strFind, "format": format, "gmatch": gmatch, "gsub": gsub, "lower": strLower,
		"match": strMatch, "rep": strRep, "upper": strUpper,
	} {
		lib.RawSetString(name, s.Function("string."+name, 0, f))
	}
	for _, name := range []string{"reverse", "sub"} {
		lib.RawSetString(name, s.L.NewFunction(copies(s, lib.RawGetString(name).(*lua.LFunction).GFunction)))
	}
	lib.RawSetString("gfind", lua.LNil)
	lib.RawSetString("dump", lua.LNil)
}

func strByte(c *vm.Args) ([]lua.LValue, error) {
	s := Text(c, 1, "string")
	from := indexArg(c, 2, "start", 1, len(s))
	to := min(indexArg(c, 3, "end", from, len(s)), len(s))
	var all []lua.LValue
	if to-max(from, 1) >= MaxResults {
		c.Fail("more than %d bytes", MaxResults)
	}
	for i := max(from, 1); i <= to; i++ {
		all = append(all, lua.LNumber(s[i-1]))
	}
	return all, nil
}

// copies makes a stock function count the text that it returns, and return a copy, because a part of a text keeps
// all of it in memory.
func copies(s *vm.State, stock lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		n := stock(L)
		text := lua.LVAsString(L.Get(-1))
		s.Watchdog.Work(0, len(text))
		L.Pop(1)
		L.Push(lua.LString(strings.Clone(text)))
		return n
	}
}

// strLower and strUpper change ASCII letters alone, as Lua does in the C locale.
func strLower(c *vm.Args) ([]lua.LValue, error) {
	return vm.Ret(changeCase(Text(c, 1, "string"), 'A', 'Z'))
}

func strUpper(c *vm.Args) ([]lua.LValue, error) {
	return vm.Ret(changeCase(Text(c, 1, "string"), 'a', 'z'))
}

func changeCase(s string, from, to byte) lua.LValue {
	b := []byte(s)
	for i, x := range b {
		if x >= from && x <= to {
			b[i] = x ^ 0x20
		}
	}
	return lua.LString(b)
}

func strRep(c *vm.Args) ([]lua.LValue, error) {
	s, n := Text(c, 1, "string"), max(toInt(numberArg(c, 2, "count")), 0)
	if n > 0 && len(s) > MaxString/n {
		return nil, errStringLimit(c)
	}
	return vm.Ret(lua.LString(strings.Repeat(s, n)))
}

func errStringLimit(c *vm.Args) error {
	return classify.New(classify.ScriptLimit, "%s would make more than %d MiB", c.Name, MaxString>>20)
}
