package modules

import (
	"fmt"
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// maxTree bounds the depth of a value that leaves Lua, so that a table that contains itself is refused.
// maxValues bounds the number of values in one, in both directions.
const (
	maxTree   = 100
	maxValues = 200_000
)

// goValue returns the Go value of a Lua one: nil, bool, float64, string, []any for a list, map[string]any for
// any other table. An empty table is a map.
func goValue(c *vm.Args, v lua.LValue) (any, error) {
	seen := 0
	return treeToGo(c, v, 0, &seen)
}

func treeToGo(c *vm.Args, v lua.LValue, depth int, seen *int) (any, error) {
	if *seen++; *seen > maxValues {
		return nil, fmt.Errorf("there are more than %d values in it", maxValues)
	}
	if depth > maxTree {
		return nil, fmt.Errorf("the tables lie more than %d deep, or hold themselves", maxTree)
	}
	switch v := v.(type) {
	case *lua.LNilType:
		return nil, nil
	case lua.LBool:
		return bool(v), nil
	case lua.LNumber:
		return float64(v), nil
	case lua.LString:
		return string(v), nil
	case *lua.LTable:
		if x := vm.ReadOnlyIn(v); x != nil {
			if err := x.Complete(c.Ctx, c.L); err != nil {
				return nil, err
			}
			v = x.Values
		}
		return tableToGo(c, v, depth, seen)
	}
	return nil, fmt.Errorf("a %s cannot leave Lua", v.Type())
}

func tableToGo(c *vm.Args, t *lua.LTable, depth int, seen *int) (any, error) {
	n, list, named := t.Len(), []any(nil), map[string]any{}
	var err error
	t.ForEach(func(k, v lua.LValue) {
		if err != nil {
			return
		}
		var x any
		if x, err = treeToGo(c, v, depth+1, seen); err != nil {
			return
		}
		switch k := k.(type) {
		case lua.LString:
			named[string(k)] = x
		case lua.LNumber:
			if i := float64(k); i != math.Trunc(i) || i < 1 || i > float64(n) {
				err = fmt.Errorf("the key %v is neither a name nor a place in a list", k)
			}
			list = append(list, x)
		default:
			err = fmt.Errorf("a key is a %s", k.Type())
		}
	})
	switch {
	case err != nil:
		return nil, err
	case len(list) > 0 && len(named) > 0:
		return nil, fmt.Errorf("a table is a list and has names")
	case len(list) > 0 && len(list) < n:
		return nil, fmt.Errorf("a list has a hole: %d values in %d places", len(list), n)
	case len(list) > 0:
		return list, nil
	}
	return named, nil
}
