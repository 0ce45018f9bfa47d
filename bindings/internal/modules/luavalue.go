package modules

import (
	"cmp"
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

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

// reflect converts a value of any other type.
func (c *converter) reflect(v reflect.Value, depth int) (lua.LValue, error) {
	if k := v.Kind(); (k == reflect.Pointer || k == reflect.Map || k == reflect.Slice) && v.IsNil() {
		return lua.LNil, nil
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		return lua.LString(x.String()), nil
	case error:
		return c.ErrorValue(x), nil
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		return lua.LString(text), err
	}
	switch v.Kind() {
	case reflect.Bool:
		return lua.LBool(v.Bool()), nil
	case reflect.String:
		return lua.LString(v.String()), nil
	case reflect.Float32, reflect.Float64:
		return lua.LNumber(v.Float()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n := v.Int()
		return lua.LNumber(n), checkExact(-maxExact <= n && n <= maxExact, v)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		n := v.Uint()
		return lua.LNumber(n), checkExact(n <= maxExact, v)
	case reflect.Pointer:
		return c.convert(v.Elem().Interface(), depth+1)
	case reflect.Slice, reflect.Array:
		return c.list(v, depth)
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String {
			return c.table(v, depth)
		}
	case reflect.Struct:
		if fields := exportedFields(v.Type()); len(fields) > 0 {
			return c.structTable(v, fields, depth)
		}
	}
	return nil, fmt.Errorf("a Go value of type %v has no Lua value", v.Type())
}

func checkExact(ok bool, v reflect.Value) error {
	if ok {
		return nil
	}
	return fmt.Errorf("the %v %v is no number that Lua holds exactly", v.Type(), v)
}

func (c *converter) list(v reflect.Value, depth int) (lua.LValue, error) {
	t := c.L.NewTable()
	for i := range v.Len() {
		x, err := c.convert(v.Index(i).Interface(), depth+1)
		if err != nil {
			return nil, inPart(fmt.Sprintf("[%d]", i+1), err)
		}
		t.RawSetInt(i+1, x)
	}
	return t, nil
}

// table converts a map, in the order of its keys.
func (c *converter) table(v reflect.Value, depth int) (lua.LValue, error) {
	t := c.L.NewTable()
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, k := range keys {
		x, err := c.convert(v.MapIndex(k).Interface(), depth+1)
		if err != nil {
			return nil, inPart("."+k.String(), err)
		}
		t.RawSetString(k.String(), x)
	}
	return t, nil
}

// structTable converts a struct. A field that JSON leaves out is left out: "-", and an empty one with omitempty
// or omitzero.
func (c *converter) structTable(v reflect.Value, fields []reflect.StructField, depth int) (lua.LValue, error) {
	t := c.L.NewTable()
	for _, f := range fields {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		name = cmp.Or(name, f.Name)
		field, err := v.FieldByIndexErr(f.Index)
		if err != nil || name == "-" || strings.HasPrefix(options, "omit") && field.IsZero() { // err: in a nil embedded pointer
			continue
		}
		x, err := c.convert(field.Interface(), depth+1)
		if err != nil {
			return nil, inPart("."+name, err)
		}
		t.RawSetString(name, x)
	}
	return t, nil
}

// exportedFields returns the exported fields of a struct, those of embedded structs included.
func exportedFields(t reflect.Type) (all []reflect.StructField) {
	for _, f := range reflect.VisibleFields(t) {
		if f.IsExported() && !f.Anonymous {
			all = append(all, f)
		}
	}
	return all
}
