package lua51

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// TestLuaMeansWhatItSays runs what gopher-lua alone gets wrong. The expected values are Lua 5.1's.
func TestLuaMeansWhatItSays(t *testing.T) {
	for source, want := range map[string]string{
		"local a, b = 1, 2; a, b = b, a; return a, b":                                                           "2 1",
		"local a, b, c = 1, 2, 3; a, b, c = c, a, b; return a, b, c":                                            "3 1 2",
		"local t = {1, 2}; local i = 1; i, t[i] = i + 1, 20; return i, t[1], t[2]":                              "2 20 2",
		"local retry = true; local e = {}; retry = e.offset and e.offset > 0; return retry":                     "nil",
		"local x = 5; x = false or nil; return x":                                                               "nil",
		"local x = 1; x = x and (x == 2 or nil); return x":                                                      "nil",
		"local s = 'a'; local function f() return s end; pcall(error, 'x'); s = 'b'; return f()":                "b",
		"local n = 0; local f = function() n = n + 1 end; pcall(function() f(); error('x') end); f(); return n": "2",
		"local r = {}; for i = 1, 3 do r[i] = function() return i end; pcall(error) end; return r[1](), r[3]()": "1 3",
		"local function f() return pcall(error, 'deep', 0) end; return f()":                                     "false deep",
		"return pcall(error, {code = 7}) and 1 or 2":                                                            "2",
		"local ok, e = pcall(error, {code = 7}); return e.code":                                                 "7",
		"return select(2, pcall(error, 'x', 0))":                                                                "x",
		"return select(2, pcall(error))":                                                                        "nil",
		"local function f() error('m') end; return select(2, pcall(f))":                                         "test.lua:1: m",
		"local function f() error('m', 2) end\nlocal function g()\nf()\nend\nreturn select(2, pcall(g))":        "test.lua:3: m",
		"return xpcall(function() error('x', 0) end, function(m) return 'h' .. m end)":                          "false hx",
		"return select(2, pcall(function() local x; return x.y end))":                                           "test.lua:1: attempt to index local 'x' (a nil value)",
		"return select(2, pcall(function() for i = 1, nil do end end))":                                         "test.lua:1: 'for' limit must be a number, not nil",
		"return select(2, pcall(function()\nfor i = {}, 2 do end end))":                                         "test.lua:2: 'for' initial value must be a number, not a table",
		"return assert(1, 2), select('#', assert(1, 2))":                                                        "1 2",
		"return pcall(assert, nil, 'm')":                                                                        "false m",
		"return pcall(assert, false)":                                                                           "false assertion failed!",
		"local co = coroutine.wrap(function() coroutine.yield(1); return 2 end); return co(), co()":             "1 2",
		"return coroutine.resume(coroutine.create(function() error('in', 0) end))":                              "false in",
		// Two that resume each other, and one that resumes itself; also after an error, which the stock functions
		// handle wrong.
		"local a, b; a = coroutine.create(function() return coroutine.resume(b) end); b = coroutine.create(function() return coroutine.resume(a) end); return coroutine.resume(a)": "true true false cannot resume non-suspended coroutine",
		"local co; co = coroutine.create(function() pcall(coroutine.wrap(function() error('x') end)); return coroutine.resume(co) end); return coroutine.resume(co)":               "true false cannot resume non-suspended coroutine",
		"local w; w = coroutine.wrap(function() return pcall(w) end); return w()":                                                                                                  "false  cannot resume non-suspended coroutine",
		"local co = coroutine.create(function() return 1 end); coroutine.resume(co); return coroutine.resume(co)":                                                                  "false cannot resume dead coroutine",
		"local co; co = coroutine.create(function() pcall(coroutine.wrap(function() error('x') end)); coroutine.yield(coroutine.status(co)) end); return coroutine.resume(co)":     "true running",
		"local n = 0; for k in pairs({a = 1}) do n = n + 1 end; return n":                                                                                                          "1",
		"if nil then return 1 elseif 0 then return 2 else return 3 end":                                                                                                            "2",
		"return ('x'):rep(3), ('ab'):upper(), #'abc', 7 % 3, 2 ^ 3":                                                                                                                "xxx AB 3 1 8",
		"local function f(...) return select('#', ...) end; return f(nil, nil)":                                                                                                    "2",
		"local function loop(n) if n == 0 then return 'end' end return loop(n - 1) end; return loop(100)":                                                                          "end",
	} {
		if got, err := eval(t, source); err != nil || got != want {
			t.Errorf("eval(%s)\n\t= %s, %v; want %s", source, got, err, want)
		}
	}
}

// TestLongLists holds that a table constructor may have many values, and that what gopher-lua cannot compile is a
// script.limit.
func TestLongLists(t *testing.T) {
	many := strings.Repeat("1,", 25_600)
	for source, want := range map[string]string{
		"local t = {" + many + "2, 3}; return #t, t[25550], t[25600], t[25601], t[25602], t[0], t[-49]":                                   "25602 1 1 2 3 nil nil",
		"local a, b = 7, 8; local t = {" + strings.Repeat("1,", 25_550) + strings.Repeat("a,b,", 50) + "}; return #t, t[25551], t[25650]": "25650 7 8",
	} {
		if got, err := eval(t, source); err != nil || got != want {
			t.Errorf("eval(…%s)\n\t= %s, %v; want %s", source[len(source)-80:], got, err, want)
		}
	}
	var outer, use strings.Builder
	for i := range 300 {
		if i%150 == 0 {
			fmt.Fprintf(&outer, "return function() local x = 0 ")
		}
		fmt.Fprintf(&outer, "local v%d = %d ", i, i)
		fmt.Fprintf(&use, "x = x + v%d ", i)
	}
	for _, source := range []string{
		outer.String() + "return function() " + use.String() + "return x end end end", // uses 301 variables of functions around it
		"for i = 1, 0 do " + strings.Repeat("f()", 80_000) + " end",                   // jumps over 160,000 instructions
	} {
		if _, err := eval(t, source); classify.Facts(err).Kind != classify.ScriptLimit {
			t.Errorf("eval(%s…) = %v; want a %s", source[:40], err, classify.ScriptLimit)
		}
	}
	for _, source := range []string{"return {" + many + "x = 1}", "return {" + many + "pcall()}", "return {" + many + "...}"} {
		if _, err := eval(t, source); classify.Facts(err).Kind != classify.ScriptLimit {
			t.Errorf("eval(…%s) = %v; want a %s", source[len(source)-10:], err, classify.ScriptLimit)
		}
	}
}

// TestGoto holds that a goto closes the variables of the blocks that it leaves, and no others. Lua 5.1 has no goto.
func TestGoto(t *testing.T) {
	for source, want := range map[string]string{
		"local a = 1; local f = function() return a end; goto x; ::x:: a = 2; return f()":                                                                                                                    "2",
		"local a, r = 0, {}; ::again:: local b = a; r[#r + 1] = function() return b end; a = a + 1; if a < 3 then goto again end; return r[1](), r[3]()":                                                     "0 2",
		"local r = {}; for i = 1, 3 do do local y = i; r[i] = function() return y end; goto continue end; local z = 9; ::continue:: end; local a, b, c, d, e = 7, 7, 7, 7, 7; return r[1](), r[2](), r[3]()": "1 2 3",
		"local n, f = 0; repeat local m = n; f = f or function() return m end; n = n + 1; if n == 2 then goto continue end; ::continue:: until n > 3; local a, b, c = 8, 8, 8; return f()":                   "0",
		"local function f(p, ...) local g = function() return p end; for i = 1, 2 do goto next; ::next:: end; p = 5; return g() end; return f(1)":                                                            "5",
		"local t = {}; function t:m(p) local g = function() return p, self.k end; while true do do goto out end end; ::out:: p, self.k = 6, 7; return g() end; return t:m(1)":                                "6 7",
		"for i = 1, 2 do for j = 1, 2 do if j == 1 then goto continue end; do return i, j end; ::continue:: end end":                                                                                         "1 2",
	} {
		if got, err := eval(t, source); err != nil || got != want {
			t.Errorf("eval(%s)\n\t= %s, %v; want %s", source, got, err, want)
		}
	}
	for source, want := range map[string]string{
		"\ngoto nowhere":                       "test.lua: compile error near line(3) test.lua: no visible label 'nowhere' for <goto> at line 2",
		"\ngoto x; local a; ::x:: local b = a": "test.lua: compile error near line(3) test.lua: <goto x> at line 2 jumps into the scope of local 'a'",
		"\nbreak":                              "test.lua: compile error near line(2) test.lua: no loop to break",
	} {
		if _, err := eval(t, source); err == nil || err.Error() != want {
			t.Errorf("eval(%q) = %v; want %s", source, err, want)
		}
	}
}

// TestFaultsOfTheStockLibrary runs calls that panic in gopher-lua's library, or in our measure of it. They are
// faults of the script, not bugs.
func TestFaultsOfTheStockLibrary(t *testing.T) {
	if got, err := eval(t, "return string.find('abc', 'x', 10, true)"); got != "nil" || err != nil {
		t.Errorf("string.find after the end = %s, %v; want nil", got, err)
	}
	for _, source := range []string{"table.getn(1)", "rawset(1, 2, 3)", "rawset({}, nil, 1)", "math.floor('x')", "select('x')", "for i = 1, {} do end"} {
		if _, err := eval(t, source); classify.Facts(err).Kind != classify.ScriptFault {
			t.Errorf("eval(%s) = %v; want a %s", source, err, classify.ScriptFault)
		}
	}
	for _, source := range []string{"math.random(0)", "table.insert(1, 2)", "table.remove()", "table.maxn('x')"} {
		if _, err := eval(t, source); classify.Facts(err).Kind != classify.ScriptArgument {
			t.Errorf("eval(%s) = %v; want a %s", source, err, classify.ScriptArgument)
		}
	}
}

// TestACoroutineRunsUnderItsResumer holds that a coroutine ends with the context of the call that resumes it, not
// of the call that made it.
func TestACoroutineRunsUnderItsResumer(t *testing.T) {
	s := newState()
	early, cancel := context.WithCancel(t.Context())
	s.L.Get(lua.GlobalsIndex).(*lua.LTable).RawSetString("co", lua.LNil)
	if _, err := evalIn(early, s, `rawset(_G, "co", coroutine.wrap(function() local n = 0 while true do n = n + 1 coroutine.yield(n) end end))`); err != nil {
		t.Fatal(err)
	}
	cancel() // as the context of loading ends
	if got, err := evalIn(t.Context(), s, "return co(), co()"); got != "1 2" || err != nil {
		t.Errorf("resumed after the context of its creation ended = %s, %v; want 1 2", got, err)
	}
	late := classify.New(classify.DeadlineStep, "late")
	ctx, cancel2 := clock.WithTimeout(t.Context(), clock.Real{}, 20*time.Millisecond, late)
	defer cancel2()
	if _, err := evalIn(t.Context(), s, `rawset(_G, "co", coroutine.create(function() while true do end end))`); err != nil {
		t.Fatal(err)
	}
	if _, err := evalIn(ctx, s, "coroutine.resume(co)"); !errors.Is(err, late) {
		t.Errorf("resumed under a deadline = %v; want %v", err, late)
	}
}

// TestCancelEndsEverything holds that no script outlives its context.
func TestCancelEndsEverything(t *testing.T) {
	for _, source := range []string{
		"while true do end",
		"while true do pcall(function() while true do end end) end",
		"local function loop() while true do end end; return pcall(loop)",
		"local co = coroutine.wrap(function() while true do end end); co()",
		"while true do pcall(error, 'x') end",
		"while true do pcall(tostring, 'x') end",
		"while true do pcall(fail) end",
		"while true do coroutine.wrap(function() coroutine.yield() end)() end",
	} {
		late := classify.New(classify.DeadlineStep, "late")
		ctx, cancel := clock.WithTimeout(t.Context(), clock.Real{}, 20*time.Millisecond, late)
		s := newState()
		s.L.SetGlobal("fail", s.Function("fail", 0, func(*vm.Args) ([]lua.LValue, error) { return nil, errors.New("x") }))
		if _, err := evalIn(ctx, s, source); !errors.Is(err, late) {
			t.Errorf("eval(%s) = %v; want %v", source, err, late)
		}
		cancel()
	}
}

// TestPanicPoisons holds that no script catches a panic of a function of ours, and that the state stays unusable.
func TestPanicPoisons(t *testing.T) {
	s := newState()
	s.L.Get(lua.GlobalsIndex).(*lua.LTable).RawSetString("bug", s.Function("bug", 0, func(*vm.Args) ([]lua.LValue, error) { panic("oops") }))
	for _, source := range []string{"pcall(bug); return 'went on'", "return 'again'"} {
		if _, err := evalIn(t.Context(), s, source); classify.Find(err, classify.Internal) == nil {
			t.Errorf("eval(%s) = %v; want a %s", source, err, classify.Internal)
		}
	}
}
