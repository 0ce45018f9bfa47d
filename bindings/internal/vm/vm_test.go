package vm

import (
	"context"
	"errors"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/classify"
)

// eval runs source in a state that has pcall, xpcall, error and assert, and the functions given.
func eval(t *testing.T, ctx context.Context, s *State, source string, functions map[string]Builtin) ([]lua.LValue, error) {
	t.Helper()
	s.OpenProtected()
	for name, f := range functions {
		s.L.SetGlobal(name, s.Function(name, 0, f))
	}
	f, err := s.L.Load(strings.NewReader(source), "test.lua")
	if err != nil {
		t.Fatal(err)
	}
	return s.Call(ctx, f)
}

// TestErrorsPassThroughLua holds that a Go error that Lua catches and raises again is the same error.
func TestErrorsPassThroughLua(t *testing.T) {
	own := errors.New("no lease")
	fail := map[string]Builtin{"fail": func(*Args) ([]lua.LValue, error) { return nil, own }}
	for _, source := range []string{
		"fail()",
		"local ok, e = pcall(fail) error(e)",
		"assert(pcall(fail))",
		"local ok, e = xpcall(fail, function(e) return e end) error(e, 2)",
		"local ok, e = pcall(function() local ok, e = pcall(fail) error(e, 0) end) error(e)",
	} {
		if _, err := eval(t, t.Context(), New(), source, fail); !errors.Is(err, own) {
			t.Errorf("Call(%s) = %v; want %v", source, err, own)
		}
	}
}

// TestWhatIsRaised holds the kinds of what a script raises itself: a plain value has none, a fault of the code is
// a script.fault however it was caught.
func TestWhatIsRaised(t *testing.T) {
	for source, want := range map[string]struct {
		kind classify.Kind
		text string
	}{
		"error('a text', 0)":       {"", "a text"},
		"error({ message = 'm' })": {"", "a table was raised: m"},
		"error(7, 0)":              {"", "a number was raised: 7"},
		"error(7)":                 {"", "test.lua:1: 7"},
		"assert(nil, 'a text')":    {"", "a text"},
		"local x x()":              {classify.ScriptFault, "test.lua:1: attempt to call"},
		"local ok, e = pcall(function() local x x() end) error(e, 0)": {classify.ScriptFault, "attempt to call"},
		"local function f() return 1 + f() end f()":                   {classify.ScriptLimit, "stack overflow"},
		"local function f() pcall(f) error('x') end f()":              {classify.ScriptLimit, "protected calls inside each other"},
		"need()":  {classify.ScriptArgument, "test.lua:1: need: argument 1, the name, is missing"},
		"need(7)": {classify.ScriptArgument, "test.lua:1: need: argument 1, the name, must be a string, not a number"},
	} {
		need := func(c *Args) ([]lua.LValue, error) { return Ret(lua.LString(c.Str(1, "name"))) }
		_, err := eval(t, t.Context(), New(), source, map[string]Builtin{"need": need})
		if err == nil || classify.Facts(err).Kind != want.kind || !strings.Contains(err.Error(), want.text) {
			t.Errorf("Call(%s) = %v, kind %q; want %q, kind %q", source, err, classify.Facts(err).Kind, want.text, want.kind)
		}
	}
}

// TestRaisedHint holds that only a plain value gets the hint of the state.
func TestRaisedHint(t *testing.T) {
	for source, want := range map[string]string{"error('x')": "say why", "local x x()": ""} {
		s := New()
		s.RaisedHint = func() string { return "say why" }
		if _, err := eval(t, t.Context(), s, source, nil); classify.Facts(err).Hint != want {
			t.Errorf("hint of %s = %q; want %q", source, classify.Facts(err).Hint, want)
		}
	}
}

// TestLimitsEndEverything holds that a script that catches everything ends when it breaks a limit.
func TestLimitsEndEverything(t *testing.T) {
	for source, want := range map[string]string{
		"while true do end": "worked for more than 200 million steps",
		"while true do pcall(function() while true do end end) end":   "worked for more than 200 million steps",
		"local t, n = {}, 0 while true do n = n + 1 t[n] = { n } end": "holds more than 64 MiB",
	} {
		_, err := eval(t, t.Context(), New(), source, nil)
		if classify.Facts(err).Kind != classify.ScriptLimit || !strings.Contains(err.Error(), want) {
			t.Errorf("Call(%s) = %v; want %q", source, err, want)
		}
	}
}
