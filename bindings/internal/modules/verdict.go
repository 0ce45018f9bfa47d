package modules

import (
	"encoding/json"
	"reflect"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine"
)

// Verdict returns a report as a script sees it: a record with the names of its JSON form. A name that the JSON
// form leaves out is nil.
func Verdict(s *vm.State, rep *engine.Report) (lua.LValue, error) {
	return reflected(s, "verdict", reflect.ValueOf(rep))
}

// verdict returns a report as the result of a function.
func verdict(s *vm.State, rep *engine.Report) ([]lua.LValue, error) {
	v, err := Verdict(s, rep)
	if err != nil {
		return nil, err
	}
	return vm.Ret(v)
}

// reflected makes a record of a Go value that has a JSON form.
func reflected(s *vm.State, kind string, v reflect.Value) (lua.LValue, error) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return lua.LNil, nil
		}
		return reflected(s, kind, v.Elem())
	case reflect.String:
		return lua.LString(v.String()), nil
	case reflect.Bool:
		return lua.LBool(v.Bool()), nil
	case reflect.Int, reflect.Int64:
		return lua.LNumber(v.Int()), nil
	case reflect.Slice:
		x := &vm.ReadOnly{Kind: kind, List: true, Values: s.L.NewTable()}
		for i := range v.Len() {
			e, err := reflected(s, kind, v.Index(i))
			if err != nil {
				return nil, err
			}
			x.Values.RawSetInt(i+1, e)
		}
		return s.Record(x), nil
	case reflect.Struct:
		return reflectedStruct(s, kind, v)
	}
	raw, err := json.Marshal(v.Interface()) // a kind that no report has yet
	var plain any
	if err == nil {
		err = json.Unmarshal(raw, &plain)
	}
	if err != nil {
		return nil, err
	}
	return luaValue(s, plain)
}

func reflectedStruct(s *vm.State, kind string, v reflect.Value) (lua.LValue, error) {
	x := &vm.ReadOnly{Kind: kind, Values: s.L.NewTable(), Hint: "it is the result of a flash; keep other values in a table of the script"}
	for i := range v.NumField() {
		name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		x.Names = append(x.Names, name)
		if f := v.Field(i); options != "omitempty" || !f.IsZero() && !(f.Kind() == reflect.Slice && f.Len() == 0) {
			e, err := reflected(s, kind+"."+name, f)
			if err != nil {
				return nil, err
			}
			x.Values.RawSetString(name, e)
		}
	}
	return s.Record(x), nil
}
