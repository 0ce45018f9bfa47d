package bindings

import (
	"reflect"
	"testing"
)

// TestEveryFunctionIsTheRuns holds that each function of a policy calls that of the run's own Lua state.
func TestEveryFunctionIsTheRuns(t *testing.T) {
	src := source{name: "all.lua", text: []byte(`return {
		boot = "run bootcmd", targets = { a = "/dev/a" },
		flash = function() end, target = function() end, check = function() end, classify = function() end, backoff = function() end,
	}`)}
	s, err := load(src, Options{})
	if err != nil {
		t.Fatal(err)
	}
	own := reflect.ValueOf(*s.Policy)
	shared := reflect.ValueOf(*(&states{}).policy(*s.Policy))
	for i := range own.NumField() {
		if own.Field(i).Kind() != reflect.Func {
			continue
		}
		name := own.Type().Field(i).Name
		switch {
		case own.Field(i).IsNil():
			t.Errorf("the policy has no %s; want the script of this test to have it", name)
		case own.Field(i).Pointer() == shared.Field(i).Pointer():
			t.Errorf("states.policy leaves %s as it is; want one that calls that of the run's own state", name)
		}
	}
}
