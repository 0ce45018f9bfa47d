package lua51

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// ConcatName is the global function that Compile calls for the operator "..". No script can spell the name.
// gopher-lua's own operator has no limit, and formats numbers in another way than Lua.
const ConcatName = "(concat)"

// textOf returns a string, or a number as text, as the operator ".." and every library function take it.
func textOf(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return numberText(float64(v)), true
	}
	return "", false
}

// numberText formats a number with %.14g.
func numberText(f float64) string {
	switch {
	case f == math.Trunc(f) && math.Abs(f) < 1e14 && (f != 0 || !math.Signbit(f)):
		return strconv.FormatInt(int64(f), 10)
	case math.IsInf(f, 0) || f != f:
		return formatOdd("", 'g', f)
	}
	return formatFloat(".14", 'g', f)
}

// concatenate is a .. b .. c, evaluated from the right.
func concatenate(c *vm.Args) ([]lua.LValue, error) {
	values := c.Rest(1)
	last, lastOperand := values[len(values)-1], len(values)
	for i := len(values) - 2; i >= 0; {
		n, size := i, 0 // values[n+1:i+1] and last are texts, together size bytes long
		if t, ok := textOf(last); ok {
			size = len(t)
			for ; n >= 0; n-- {
				t, ok := textOf(values[n])
				if !ok {
					break
				}
				size += len(t)
			}
		}
		if size > MaxString {
			return nil, errStringLimit(c)
		}
		if n == i { // one of the last two values is not a text
			v, err := metaConcat(c, values[i], last, i+1, lastOperand)
			if err != nil {
				return nil, err
			}
			last, lastOperand, i = v, -1, i-1
			continue
		}
		var b strings.Builder
		b.Grow(size)
		for _, v := range values[n+1 : i+1] {
			t, _ := textOf(v)
			b.WriteString(t)
		}
		t, _ := textOf(last)
		b.WriteString(t)
		last, lastOperand, i = lua.LString(b.String()), -1, n
	}
	return vm.Ret(last)
}

// metaConcat calls the metamethod __concat of a or b, which are the operands numA and numB of the call.
func metaConcat(c *vm.Args, a, b lua.LValue, numA, numB int) (lua.LValue, error) {
	f := c.L.GetMetaField(a, "__concat")
	if f == lua.LNil {
		f = c.L.GetMetaField(b, "__concat")
	}
	if f == lua.LNil {
		if _, ok := textOf(a); ok {
			a, numA = b, numB
		}
		c.OperandFault("concatenate", numA, a)
	}
	held := c.Watchdog().Draft()
	defer held.Release()
	if t, ok := b.(lua.LString); ok { // it may be the result of the values after it
		held.Add(len(t))
	}
	results, err := c.State.Call(c.Ctx, f, a, b)
	if err != nil || len(results) == 0 {
		return lua.LNil, err
	}
	return results[0], nil
}

// luaToString is Lua's tostring.
func toString(c *vm.Args) ([]lua.LValue, error) {
	v := c.Any(1, "value")
	if t, ok := textOf(v); ok {
		return vm.Ret(lua.LString(t))
	}
	if f := c.L.GetMetaField(v, "__tostring"); f != lua.LNil {
		results, err := c.State.Call(c.Ctx, f, v)
		if err == nil && len(results) == 0 {
			results = []lua.LValue{lua.LNil}
		}
		return results, err
	}
	return vm.Ret(lua.LString(v.String()))
}
