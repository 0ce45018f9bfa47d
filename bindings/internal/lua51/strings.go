package lua51

import (
	"slices"
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
		"byte": strByte, "char": strChar, "find": strFind, "format": format, "gmatch": gmatch, "gsub": gsub, "len": strLen, "lower": strLower,
		"match": strMatch, "rep": strRep, "reverse": strReverse, "sub": strSub, "upper": strUpper,
	} {
		lib.RawSetString(name, s.Function("string."+name, 0, f))
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

func strChar(c *vm.Args) ([]lua.LValue, error) {
	b := make([]byte, c.L.GetTop())
	for i := range b {
		n := toInt(numberArg(c, i+1, "character"))
		if n != int(byte(n)) {
			c.Fail("argument %d, the character, must be between 0 and 255", i+1)
		}
		b[i] = byte(n)
	}
	return vm.Ret(lua.LString(b))
}

func strLen(c *vm.Args) ([]lua.LValue, error) {
	return vm.Ret(lua.LNumber(len(Text(c, 1, "string"))))
}

func strReverse(c *vm.Args) ([]lua.LValue, error) {
	b := []byte(Text(c, 1, "string"))
	slices.Reverse(b)
	return vm.Ret(lua.LString(b))
}

// strSub is string.sub. It returns a copy, because a part of a text keeps all of it in memory.
func strSub(c *vm.Args) ([]lua.LValue, error) {
	s := Text(c, 1, "string")
	numberArg(c, 2, "start")
	from := max(indexArg(c, 2, "start", 1, len(s)), 1)
	to := min(indexArg(c, 3, "end", len(s), len(s)), len(s))
	if from > to {
		return vm.Ret(lua.LString(""))
	}
	return vm.Ret(lua.LString(strings.Clone(s[from-1 : to])))
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
