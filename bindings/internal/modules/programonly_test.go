package modules

import (
	"strings"
	"testing"
)

// TestProgramOnlyIsTrue calls each function of each module without a program: register names those that need one.
func TestProgramOnlyIsTrue(t *testing.T) {
	s := newState(nil)
	for name := range registry {
		members, err := eval(t, s, "local all = {} for k in pairs("+name+") do table.insert(all, k) end return unpack(all)")
		if err != nil || members == "" {
			t.Fatalf("members of %s = %q, %v; want functions", name, members, err)
		}
		for _, f := range strings.Fields(members) {
			_, err := eval(t, s, name+"."+f+"()")
			needs := err != nil && strings.Contains(err.Error(), "nothing may be touched here")
			if got := ProgramOnly(name + "." + f); got != needs {
				t.Errorf("ProgramOnly(%s.%s) = %v; its call without a program returned %v: register of the module names the functions that need one", name, f, got, err)
			}
		}
	}
}
