package lua51

import (
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// openArithmetic makes arithmetic on strings convert them as Lua does. gopher-lua reads "010" as 8 and "1_0" as
// 10.
func openArithmetic(s *vm.State) {
	mt := s.L.NewTable()
	mt.RawSetString("__index", s.L.GetGlobal("string"))
	for event, do := range map[string]func(a, b float64) float64{
		"__add": func(a, b float64) float64 { return a + b },
		"__sub": func(a, b float64) float64 { return a - b },
		"__mul": func(a, b float64) float64 { return a * b },
		"__div": func(a, b float64) float64 { return a / b },
		"__mod": func(a, b float64) float64 { return a - math.Floor(a/b)*b },
		"__pow": math.Pow,
		"__unm": func(a, _ float64) float64 { return -a },
	} {
		mt.RawSetString(event, s.Function(strings.TrimPrefix(event, "__"), 0, func(c *vm.Args) ([]lua.LValue, error) {
			c.Watchdog().Work(vm.TextCost(c.Opt(1))+vm.TextCost(c.Opt(2)), 0)
			a, okA := operand(c.Opt(1))
			b, okB := operand(c.Opt(2))
			if event == "__unm" {
				b, okB = a, okA
			}
			if !okA || !okB {
				if f := ownMetamethod(c, event); f != lua.LNil {
					results, err := c.State.Call(c.Ctx, f, c.Opt(1), c.Opt(2))
					return append(results, lua.LNil)[:1], err
				}
				n := 0
				if okA {
					n = 1
				}
				c.OperandFault("perform arithmetic on", n, c.Opt(n+1))
			}
			return vm.Ret(lua.LNumber(do(a, b)))
		}))
	}
	s.L.SetMetatable(lua.LString(""), mt)
}

// ownMetamethod returns a metamethod of the first argument that has one and is no string; nil if there is none.
func ownMetamethod(c *vm.Args, event string) lua.LValue {
	for i := 1; i <= 2; i++ {
		if _, isText := c.Opt(i).(lua.LString); !isText {
			if f := c.L.GetMetaField(c.Opt(i), event); f != lua.LNil {
				return f
			}
		}
	}
	return lua.LNil
}

func operand(v lua.LValue) (float64, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		return parseNumber(string(v))
	}
	return 0, false
}
