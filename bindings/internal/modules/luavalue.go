package modules

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// luaValue returns the Lua value of a Go one. An embedder's function may return:
//
//	nil, a nil pointer, map or slice    nil
//	bool, string, float                 the same
//	integer                             a number; one that a float64 does not hold exactly is refused
//	time.Duration                       its text, "1m30s", as flashlua's functions take it
//	error                               an error object
//	[]byte                              a string
//	encoding.TextMarshaler              its text: a time.Time, a netip.Addr
//	slice, array                        a list
//	map with strings as keys            a table
//	struct                              a table of its exported fields, by their names in JSON
//	pointer, interface                  what it points to or holds
//
// Anything else is refused, with the place of the value in v and its type.
func luaValue(s *vm.State, v any) (lua.LValue, error) {
	c := converter{State: s, values: -1}
	value, err := c.convert(v, 0)
	if at, ok := err.(*placeError); ok {
		err = fmt.Errorf("at %s: %w", at.path, at.err)
	}
	return value, err
}

// placeError is an error of a part of a value, with its place, ".name[2]".
type placeError struct {
	path string
	err  error
}

func (e *placeError) Error() string { return e.path + ": " + e.err.Error() }

// inPart adds a step to the place of an error.
func inPart(step string, err error) error {
	if e, ok := err.(*placeError); ok {
		return &placeError{step + e.path, e.err}
	}
	return &placeError{step, err}
}

// converter converts one Go value.
type converter struct {
	*vm.State
	values int // how many were converted, the value itself not counted
}

const (
	maxExact  = 1 << 53 // the largest integer up to which a float64 holds every one
	maxLevels = 10_000  // levels; a value that contains itself has more
)

// convert converts a value. What JSON consists of needs no reflection.
func (c *converter) convert(v any, depth int) (lua.LValue, error) {
	if c.values++; c.values > maxValues {
		return nil, fmt.Errorf("it has more than %d values", maxValues)
	}
	if depth > maxLevels {
		return nil, fmt.Errorf("it is more than %d levels deep, or contains itself", maxLevels)
	}
	switch x := v.(type) {
	case nil:
		return lua.LNil, nil
	case bool:
		return lua.LBool(x), nil
	case float64:
		return lua.LNumber(x), nil
	case string:
		return lua.LString(x), nil
	case []byte:
		return lua.LString(x), nil
	case []any:
		t := c.L.NewTable()
		for i, e := range x {
			value, err := c.convert(e, depth+1)
			if err != nil {
				return nil, inPart(fmt.Sprintf("[%d]", i+1), err)
			}
			t.RawSetInt(i+1, value)
		}
		return t, nil
	case map[string]any:
		t := c.L.NewTable()
		for _, k := range slices.Sorted(maps.Keys(x)) {
			value, err := c.convert(x[k], depth+1)
			if err != nil {
				return nil, inPart("."+k, err)
			}
			t.RawSetString(k, value)
		}
		return t, nil
	}
	return c.reflect(reflect.ValueOf(v), depth)
}
