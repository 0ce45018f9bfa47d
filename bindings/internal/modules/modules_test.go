package modules

import (
	"strings"
	"testing"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/bindings/internal/policy"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine/console"
)

// newState returns a state with all modules, and those of an embedder.
func newState(extra map[string]Functions) *vm.State {
	s, phase := vm.New(), &Phase{}
	r := policy.Reader{State: s, Where: func(file, _ string) string { return file }, Secrets: console.NewSecrets()}
	Open(Config{Reader: r, Phase: phase, Output: NewOutput(phase, func(string) {}, r.Secrets), Extra: extra})
	return s
}

// eval runs a text in a state and returns its results as text.
func eval(t *testing.T, s *vm.State, text string) (string, error) {
	t.Helper()
	c, err := lua51.Compile("test.lua", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	results, err := s.Call(t.Context(), s.L.NewFunctionFromProto(c.Proto))
	var all []string
	for _, v := range results {
		if e := vm.GoError(v); e != nil {
			all = append(all, "<"+e.Error()+">")
			continue
		}
		all = append(all, v.String())
	}
	return strings.Join(all, " "), err
}

func TestSandbox(t *testing.T) {
	for _, name := range []string{
		"io", "os", "debug", "package", "channel", "dofile", "loadfile", "load", "loadstring", "module", "collectgarbage", "newproxy", "getfenv", "setfenv",
	} {
		if _, err := eval(t, newState(nil), "return "+name); err == nil || !strings.Contains(err.Error(), "undeclared global") {
			t.Errorf("%s exists, %v; want an undeclared global", name, err)
		}
	}
	for _, source := range []string{"setmetatable(_G, nil)", "getmetatable(_G).__index = nil", "return string.dump(print)"} {
		if _, err := eval(t, newState(nil), source); err == nil {
			t.Errorf("%s returned no error; want one", source)
		}
	}
}
