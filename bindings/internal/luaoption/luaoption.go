// Package luaoption reads the options of flashlua's Lua functions from the tables that scripts pass.
//
// It owns the way from a Lua value to the Go value of an option's kind, and the refusal of wrong, unknown and
// missing options. Package option has the declarations. It does not know the functions, nor policies.
package luaoption

import (
	"fmt"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify/suggest"
)

// Read reads the options of a call into to, in the order of their declaration, and raises script.argument
// for a wrong value, an unknown name or a missing option. What was read before the error is in to.
func Read[T any](c *vm.Args, set *option.Set[T], to *T) { ReadTable(c, set, Table(c, set.Arg), "", to) }

// ReadTable is Read for a table that is not an argument of the call. Every message begins with where.
func ReadTable[T any](c *vm.Args, set *option.Set[T], t *lua.LTable, where string, to *T) {
	var missing []string
	for i, o := range set.Options {
		v := t.RawGetString(o.Name)
		if v == lua.LNil {
			if o.Required {
				missing = append(missing, o.Name)
			}
			continue
		}
		value, err := Value(o.Kind, v)
		if err != nil {
			c.Fail("%soption %s %v", where, o.Name, err)
		}
		set.Assign(to, i, value)
	}
	known := option.Names(set.Options)
	t.ForEach(func(k, _ lua.LValue) {
		if name, ok := k.(lua.LString); !ok || !slices.Contains(known, string(name)) {
			c.Fail("%sunknown option %s%s", where, k, suggest.Name(k.String(), known))
		}
	})
	switch len(missing) {
	case 0:
	case 1:
		c.Fail("%soption %s is required", where, missing[0])
	default:
		c.Fail("%soptions %s are required", where, strings.Join(missing, ", "))
	}
}

// Table returns the option table at i, an empty one if it is missing.
func Table(c *vm.Args, i int) *lua.LTable {
	if c.None(i) {
		return c.L.NewTable()
	}
	t, ok := vm.TableIn(c.Opt(i))
	if !ok {
		c.Fail("argument %d must be a table of options, not a %s", i, c.Opt(i).Type())
	}
	return t
}

// Value returns the value of an option as the field of its kind takes it.
func Value(kind option.Kind, v lua.LValue) (any, error) {
	value, err := kind.Parse(goValue(v))
	if err != nil {
		return nil, err
	}
	switch kind {
	case option.Any, option.Func:
		return v, nil
	case option.Aborts:
		return Aborts(v)
	case option.Texts, option.Values:
		return texts(v, kind == option.Values)
	}
	return value, nil
}

// goValue returns a value as option.Kind.Parse takes it.
func goValue(v lua.LValue) any {
	switch v := v.(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return float64(v)
	case lua.LBool:
		return bool(v)
	}
	return option.Other(v.Type().String())
}

// texts reads a table of names and texts, or of names and plain values, which become texts.
func texts(v lua.LValue, booleans bool) (all map[string]string, err error) {
	t, _ := vm.TableIn(v)
	all = map[string]string{}
	t.ForEach(func(k, v lua.LValue) {
		_, isBool := v.(lua.LBool)
		if _, ok := k.(lua.LString); !ok || !(booleans && isBool) && !lua.LVCanConvToString(v) {
			err = fmt.Errorf("must have names and texts")
			return
		}
		all[k.String()] = v.String()
	})
	return all, err
}

// Duration reads a duration with its unit, "1m30s".
func Duration(v lua.LValue) (time.Duration, error) {
	d, err := option.Duration.Parse(goValue(v))
	if err != nil {
		return 0, err
	}
	return d.(time.Duration), nil
}
