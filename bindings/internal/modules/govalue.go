package modules

import (
	"context"
	"fmt"
	"math"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// maxTree bounds the depth of a value that leaves Lua. maxValues bounds the number of values in one, in both
// directions.
const (
	maxTree   = 100
	maxValues = 200_000
)

// goValue returns the Go value of a Lua one: nil, bool, float64, string, []any for a list, map[string]any for
// any other table. An empty table is a map. The error names the place of the part that cannot leave Lua.
func goValue(c *vm.Args, v lua.LValue) (any, error) {
	x := leaving{ctx: c.Ctx, l: c.L, outer: map[*lua.LTable]bool{}}
	return x.value(v)
}

// JSONValue is goValue for a value that JSON can hold: its texts are UTF-8, and its numbers finite.
func JSONValue(ctx context.Context, s *vm.State, v lua.LValue) (any, error) {
	x := leaving{ctx: ctx, l: s.L, json: true, outer: map[*lua.LTable]bool{}}
	return x.value(v)
}

// leaving converts one value that leaves Lua.
type leaving struct {
	ctx   context.Context // of the one conversion
	l     *lua.LState
	json  bool
	seen  int                  // values
	outer map[*lua.LTable]bool // the tables in which the current value lies
}

func (x *leaving) value(v lua.LValue) (any, error) {
	if x.seen++; x.seen > maxValues {
		return nil, fmt.Errorf("there are more than %d values in it", maxValues)
	}
	switch v := v.(type) {
	case *lua.LNilType:
		return nil, nil
	case lua.LBool:
		return bool(v), nil
	case lua.LNumber:
		if f := float64(v); x.json && (math.IsNaN(f) || math.IsInf(f, 0)) {
			return nil, fmt.Errorf("the number %v is not finite, and JSON has no other", f)
		}
		return float64(v), nil
	case lua.LString:
		if x.json && !utf8.ValidString(string(v)) {
			return nil, fmt.Errorf("a text is not UTF-8, and JSON has no other")
		}
		return string(v), nil
	case *lua.LTable:
		if x.outer[v] {
			return nil, fmt.Errorf("the table contains itself")
		}
		if len(x.outer) >= maxTree {
			return nil, fmt.Errorf("the tables lie more than %d deep", maxTree)
		}
		x.outer[v] = true
		defer delete(x.outer, v)
		if record := vm.ReadOnlyIn(v); record != nil {
			if err := record.Complete(x.ctx, x.l); err != nil {
				return nil, err
			}
			v = record.Values
		}
		return x.table(v)
	}
	return nil, fmt.Errorf("a %s cannot leave Lua", v.Type())
}

func (x *leaving) table(t *lua.LTable) (any, error) {
	n, list, named := t.Len(), []any(nil), map[string]any{}
	var err error
	t.ForEach(func(k, v lua.LValue) {
		if err != nil {
			return
		}
		var e any
		if e, err = x.value(v); err != nil {
			err = inPart(keyText(k), err)
			return
		}
		switch k := k.(type) {
		case lua.LString:
			if named[string(k)] = e; x.json && !utf8.ValidString(string(k)) {
				err = fmt.Errorf("the name %q is not UTF-8, and JSON has no other", string(k))
			}
		case lua.LNumber:
			if i := float64(k); i != math.Trunc(i) || i < 1 || i > float64(n) {
				err = fmt.Errorf("the key %v is neither a name nor a place in a list", k)
			}
			list = append(list, e)
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

// keyText returns a key as a step of a place.
func keyText(k lua.LValue) string {
	if s, ok := k.(lua.LString); ok {
		return "." + string(s)
	}
	return "[" + k.String() + "]"
}
