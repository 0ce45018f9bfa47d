package lua51

import (
	"fmt"
	"testing"
)

// TestInstructionsCountTheirOperands holds that an instruction, or a function of Lua's library, that looks at many
// values or at a long text counts for more than a step, and that the same on few values does not.
func TestInstructionsCountTheirOperands(t *testing.T) {
	const (
		empty = "local t = {} t[1] = 1 t[%d] = 1 t[%d] = nil "
		texts = "local a, b = ('x'):rep(%d), ('x'):rep(%d) "
		many  = "local t = {} for i = 1, %d do t[i] = i end local function f(...) for i = 1, 100 do %s end end f(unpack(t)) "
	)
	for _, tt := range []struct{ name, few, more string }{
		{"length", fmt.Sprintf(empty, 2, 2) + "for i = 1, 100 do local n = #t end", fmt.Sprintf(empty, 900_000, 900_000) + "for i = 1, 100 do local n = #t end"},
		{"insert", fmt.Sprintf(empty, 2, 2) + "for i = 1, 100 do table.insert(t, 1) t[2] = nil end", fmt.Sprintf(empty, 900_000, 900_000) + "for i = 1, 100 do table.insert(t, 1) t[2] = nil end"},
		{"maxn", fmt.Sprintf(empty, 2, 2) + "for i = 1, 100 do table.maxn(t) end", fmt.Sprintf(empty, 900_000, 900_000) + "for i = 1, 100 do table.maxn(t) end"},
		{"next", fmt.Sprintf(empty, 2, 2) + "t[1] = nil for i = 1, 100 do next(t) end", fmt.Sprintf(empty, 900_000, 900_000) + "t[1] = nil for i = 1, 100 do next(t) end"},
		{"gap", "for i = 1, 20 do local t = {} t[2] = 1 end", "for i = 1, 20 do local t = {} t[9e5] = 1 end"},
		{"equal", fmt.Sprintf(texts, 9, 9) + "for i = 1, 100 do local x = a == b end", fmt.Sprintf(texts, 9_000_000, 9_000_000) + "for i = 1, 100 do local x = a == b end"},
		{"less", fmt.Sprintf(texts, 9, 9) + "for i = 1, 100 do local x = a < b end", fmt.Sprintf(texts, 9_000_000, 9_000_000) + "for i = 1, 100 do local x = a < b end"},
		{"key", fmt.Sprintf(texts, 9, 9) + "local t = { 1 } for i = 1, 100 do local x = t[a] end", fmt.Sprintf(texts, 9_000_000, 9_000_000) + "local t = { 1 } for i = 1, 100 do local x = t[a] end"},
		{"number", "local a = (' '):rep(9) .. 1 for i = 1, 100 do local x = a + 1 end", "local a = (' '):rep(9e6) .. 1 for i = 1, 100 do local x = a + 1 end"},
		{"pattern", "local a = ('x'):rep(9) for i = 1, 100 do ('x'):find(a) end", "local a = ('x'):rep(9e6) for i = 1, 100 do ('x'):find(a) end"},
		{"arguments", fmt.Sprintf(many, 2, "select('#', ...)"), fmt.Sprintf(many, 7000, "select('#', ...)")},
		{"list", fmt.Sprintf(many, 2, "local l = { ... }"), fmt.Sprintf(many, 7000, "local l = { ... }")},
		{"coroutine", "coroutine.wrap(function() " + fmt.Sprintf(empty, 2, 2) + "for i = 1, 100 do local n = #t end end)()", "coroutine.wrap(function() " + fmt.Sprintf(empty, 900_000, 900_000) + "for i = 1, 100 do local n = #t end end)()"},
	} {
		few, more := stepsOf(t, tt.few), stepsOf(t, tt.more)
		if few > 10_000 || more < 300_000 {
			t.Errorf("%s: steps(%s) = %d, steps(%s) = %d; want at most 10,000 and at least 300,000", tt.name, tt.few, few, tt.more, more)
		}
	}
}

// stepsOf runs a text of Lua and returns its steps.
func stepsOf(t *testing.T, source string) int {
	t.Helper()
	s := newState()
	if _, err := evalIn(t.Context(), s, source); err != nil {
		t.Errorf("%s: %v", source, err)
	}
	return s.Watchdog.Steps()
}
