package lua51

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// faults are programs that fail, each with the part of lua5.1's message that is expected here, too.
var faults = []struct{ program, message string }{
	{"return fan.speed", "attempt to index global 'fan' (a nil value)"},
	{"fan.speed = 1", "attempt to index global 'fan' (a nil value)"},
	{"local at = {}; return at.fan.speed", "attempt to index field 'fan' (a nil value)"},
	{"local at = {}; at.fan.speed = 1", "attempt to index field 'fan' (a nil value)"},
	{"local at = {}; at.fan.speed.x = 1", "attempt to index field 'fan' (a nil value)"},
	{"local at = {fan = {}}; at.fan.speed.x = 1", "attempt to index field 'speed' (a nil value)"},
	{"local at = {}; return at[1].x", "attempt to index field '?' (a nil value)"},
	{"local at, k = {}, 'k'; return at[k].x", "attempt to index field '?' (a nil value)"},
	{"local at = {}; return at['a b'].x", "attempt to index field 'a b' (a nil value)"},
	{"local x; return x.y", "attempt to index local 'x' (a nil value)"},
	{"local x; return x[1]", "attempt to index local 'x' (a nil value)"},
	{"local x = true; x.y = 1", "attempt to index local 'x' (a boolean value)"},
	{"local x = 5; return x.y", "attempt to index local 'x' (a number value)"},
	{"local x = print; return x.y", "attempt to index local 'x' (a function value)"},
	{"local x = 'text'; x.y = 1", "attempt to index local 'x' (a string value)"},
	{"local x; local function f() return x.y end; f()", "attempt to index upvalue 'x' (a nil value)"},
	{"local x; local function f() x.y = 1 end; f()", "attempt to index upvalue 'x' (a nil value)"},
	{"local function f(x) return x.y end; f()", "attempt to index local 'x' (a nil value)"},
	{"local function f(a, x) local b = a; return x.y end; f(1)", "attempt to index local 'x' (a nil value)"},
	{"do local a, b = 1, 2 end; local x; return x.y", "attempt to index local 'x' (a nil value)"},
	{"do local a, b = 1, 2 end; return x.y", "attempt to index global 'x' (a nil value)"},
	{"local x = {}; do local x; return x.y end", "attempt to index local 'x' (a nil value)"},
	{"for i = 1, 2 do local v = i; v.x = 1 end", "attempt to index local 'v' (a number value)"},
	{"for i = 1, 2 do i.x = 1 end", "attempt to index local 'i' (a number value)"},
	{"for k, v in pairs({7}) do return v.x end", "attempt to index local 'v' (a number value)"},
	{"repeat local y = 1 until y.z", "attempt to index local 'y' (a number value)"},
	{"local t = {}; t.a, t.b.c = 1, 2", "attempt to index field 'b' (a nil value)"},
	{"local t = {}; t.a.b = t and 1 or 2", "attempt to index field 'a' (a nil value)"},
	{"local x; x.b = x or 2", "attempt to index local 'x' (a nil value)"},
	{"function fan.speed() end", "attempt to index global 'fan' (a nil value)"},
	{"function fan:speed() end", "attempt to index global 'fan' (a nil value)"},
	{"local t = {}; function t.fan.speed() end", "attempt to index field 'fan' (a nil value)"},
	{"local t = {}; function t.fan:speed() end", "attempt to index field 'fan' (a nil value)"},
	{"local t = {}; function t:f() return self.a.b end; t:f()", "attempt to index field 'a' (a nil value)"},
	{"local t = {}; function t.f(self) return self.b end; t.f()", "attempt to index local 'self' (a nil value)"},
	{"local x; x:go()", "attempt to index local 'x' (a nil value)"},
	{"x:go()", "attempt to index global 'x' (a nil value)"},
	{"local at = {}; at.shell:run('x')", "attempt to index field 'shell' (a nil value)"},
	{"return (x).y", "attempt to index global 'x' (a nil value)"},
	{"return (function() end)().x", "attempt to index a nil value"},
	{"local function f() end; return f().x", "attempt to index a nil value"},
	{"local t = setmetatable({}, {__index = 5}); return t.x", "attempt to index a number value"},
	{"foo()", "attempt to call global 'foo' (a nil value)"},
	{"local foo; foo()", "attempt to call local 'foo' (a nil value)"},
	{"local foo = {}; foo()", "attempt to call local 'foo' (a table value)"},
	{"local foo = 'x'; local function f() return foo(1) end; f()", "attempt to call upvalue 'foo' (a string value)"},
	{"string.foo()", "attempt to call field 'foo' (a nil value)"},
	{"local t = {}; t[1]()", "attempt to call field '?' (a nil value)"},
	{"local t = {}; t:foo()", "attempt to call method 'foo' (a nil value)"},
	{"('x'):foo()", "attempt to call method 'foo' (a nil value)"},
	{"return 1 + foo(1)", "attempt to call global 'foo' (a nil value)"},
	{"print(1, foo(2))", "attempt to call global 'foo' (a nil value)"},
	{"local function f() return nil end; f()()", "attempt to call a nil value"},
	{"for k in nil do end", "attempt to call a nil value"},
	{"for k in {} do end", "attempt to call a table value"},
	{"local x; return x + 1", "attempt to perform arithmetic on local 'x' (a nil value)"},
	{"local x; return 1 + x", "attempt to perform arithmetic on local 'x' (a nil value)"},
	{"return 1 - count", "attempt to perform arithmetic on global 'count' (a nil value)"},
	{"local t = {}; return t.n * 2", "attempt to perform arithmetic on field 'n' (a nil value)"},
	{"local t = {}; t.n = t.n + 1", "attempt to perform arithmetic on field 'n' (a nil value)"},
	{"local t = {}; return 2 ^ t", "attempt to perform arithmetic on local 't' (a table value)"},
	{"local t = {}; return 2 / t[1]", "attempt to perform arithmetic on field '?' (a nil value)"},
	{"local x = 'a'; return x + 1", "attempt to perform arithmetic on local 'x' (a string value)"},
	{"local x = 'a'; return 1 % x", "attempt to perform arithmetic on local 'x' (a string value)"},
	{"local x, y = '1', {}; return x + y", "attempt to perform arithmetic on local 'y' (a table value)"},
	{"local x, y; return x + y", "attempt to perform arithmetic on local 'x' (a nil value)"},
	{"local x; return -x", "attempt to perform arithmetic on local 'x' (a nil value)"},
	{"local x = 'a'; return -x", "attempt to perform arithmetic on local 'x' (a string value)"},
	{"local t = {}; return -t.x", "attempt to perform arithmetic on field 'x' (a nil value)"},
	{"local function f() end; return 1 + f()", "attempt to perform arithmetic on a nil value"},
	{"local x; return #x", "attempt to get length of local 'x' (a nil value)"},
	{"return #x.y", "attempt to index global 'x' (a nil value)"},
	{"local t = {}; return #t.list", "attempt to get length of field 'list' (a nil value)"},
	{"for i = 1, #list do end", "attempt to get length of global 'list' (a nil value)"},
	{"local x; return 'a' .. x", "attempt to concatenate local 'x' (a nil value)"},
	{"local x; return x .. 'a'", "attempt to concatenate local 'x' (a nil value)"},
	{"return 'a' .. x .. 'b'", "attempt to concatenate global 'x' (a nil value)"},
	{"local t = {}; return 'a' .. t.x .. 'b' .. 'c'", "attempt to concatenate field 'x' (a nil value)"},
	{"local t = {}; return t .. t", "attempt to concatenate local 't' (a table value)"},
	{"local s = 'a'; s = s .. nothing", "attempt to concatenate global 'nothing' (a nil value)"},
	{"local x; local function f() return 1 .. x end; f()", "attempt to concatenate upvalue 'x' (a nil value)"},
	{"local function f() end; return 'a' .. f()", "attempt to concatenate a nil value"},
	{"return 1 < nil", "attempt to compare number with nil"},
	{"return 1 > 'x'", "attempt to compare string with number"},
	{"local a, b = {}, {}; return a < b", "attempt to compare two table values"},
	{"return nil >= nil", "attempt to compare two nil values"},
	{"return coroutine.wrap(function() local x; return x.y end)()", "attempt to index local 'x' (a nil value)"},
	{"local ok, e = coroutine.resume(coroutine.create(function() foo() end)); error(e, 0)", "attempt to call global 'foo' (a nil value)"},
	{"local ok, e = pcall(function() foo() end); error(e, 0)", "attempt to call global 'foo' (a nil value)"},
	{"local ok, e = xpcall(function() foo() end, function(m) return m end); error(e, 0)", "attempt to call global 'foo' (a nil value)"},
	{"table.sort({3, 2, 1}, function(a, b) return a.x < b.x end)", "attempt to index local 'a' (a number value)"},
	{"error('attempt to call a non-function object', 0)", "attempt to call a non-function object"},
	{"local t = setmetatable({}, {__index = function(t, k) return k.a.b end}); return t.x", "attempt to index field 'a' (a nil value)"},
}

// unnamedFaults are those in which lua5.1 names an operand that is not the culprit, or that is not certain, and which
// have no name here.
var unnamedFaults = []struct{ program, message string }{
	{"return (a or b).x", "attempt to index a nil value"},
	{"local t = {}; return (t.a and t.b or t.c).x", "attempt to index a nil value"},
}

func TestFaultsNameTheVariable(t *testing.T) {
	for _, tt := range append(faults, unnamedFaults...) {
		if got := faultOf(t, tt.program); got != tt.message && !strings.HasPrefix(got, tt.message+" with key ") {
			t.Errorf("%s\n\tfails with %s\n\twant       %s", tt.program, got, tt.message)
		}
	}
}

// TestFaultsAreAsInLua holds the table to lua5.1.
func TestFaultsAreAsInLua(t *testing.T) {
	for _, tt := range faults {
		if got := faultIn(t, lua51Path(t), tt.program); got != tt.message {
			t.Errorf("%s\n\tlua5.1 fails with %s\n\twant              %s", tt.program, got, tt.message)
		}
	}
}

// faultOf returns the message of a program's fault, without its position.
func faultOf(t *testing.T, program string) string {
	t.Helper()
	_, err := evalIn(t.Context(), newState(), program)
	if err == nil {
		return "no error"
	}
	return strings.ReplaceAll(err.Error(), "test.lua:1: ", "")
}

func faultIn(t *testing.T, lua51, program string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), lua51, "-e", "local f = loadstring("+quoted(program)+`, "=test.lua") io.write((select(2, pcall(f)):gsub("test.lua:1: ", "")))`)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
