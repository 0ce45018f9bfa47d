package modules

import (
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

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
