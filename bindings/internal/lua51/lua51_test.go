package lua51

import (
	"context"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// eval runs source in a new state and returns its results as text.
func eval(t *testing.T, source string) (string, error) {
	t.Helper()
	return evalIn(t.Context(), newState(), source)
}

func newState() *vm.State {
	s := vm.New()
	Open(s)
	return s
}

func evalIn(ctx context.Context, s *vm.State, source string) (string, error) {
	c, err := Compile("test.lua", []byte(source))
	if err != nil {
		return "", err
	}
	results, err := s.Call(ctx, s.L.NewFunctionFromProto(c.Proto))
	var out []string
	for _, v := range results {
		if e := vm.GoError(v); e != nil {
			out = append(out, "<"+e.Error()+">")
			continue
		}
		out = append(out, v.String())
	}
	return strings.Join(out, " "), err
}
