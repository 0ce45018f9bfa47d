package modules

import (
	"errors"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
)

func TestErrorObjectSurvives(t *testing.T) {
	original := classify.WithConsole(classify.New(classify.NetDHCPTimeout, "no lease"), "T T T\nNo space left")
	for name, source := range map[string]string{
		"pcall and error":   "local ok, e = pcall(raise); error(e)",
		"nested pcall":      "local ok, e = pcall(function() local ok, e = pcall(raise); error(e, 0) end); error(e, 2)",
		"assert":            "local ok, e = pcall(raise); assert(nil, e)",
		"xpcall":            "local ok, e = xpcall(raise, function(e) return e end); error(e)",
		"coroutine.wrap":    "coroutine.wrap(raise)()",
		"coroutine.resume":  "local ok, e = coroutine.resume(coroutine.create(raise)); error(e)",
		"concatenation":     "local ok, e = pcall(raise); error('stage 2: ' .. e)",
		"wrap":              "local ok, e = pcall(raise); error(e:wrap('while flashing'))",
		"group":             "local ok, e = pcall(raise); error(errors.join('other', e))",
		"cause":             "local ok, e = pcall(raise); error(errors.retryable('again', e))",
		"chain":             "local ok, e = pcall(raise); error(e:wrap('x'):chain()[2])",
		"leaves":            "local ok, e = pcall(raise); error(errors.join('other', e):leaves()[2])",
		"find":              "local ok, e = pcall(raise); error(e:wrap('x'):find('net'))",
		"metamethod":        "local t = setmetatable({}, {__index = function() raise() end}); return t.x",
		"not caught at all": "raise()",
	} {
		s := newState(nil)
		s.L.Get(lua.GlobalsIndex).(*lua.LTable).RawSetString("raise", s.Function("raise", 0, func(*vm.Args) ([]lua.LValue, error) { return nil, original }))
		_, err := eval(t, s, source)
		var e *classify.Error
		if !errors.As(err, &e) || classify.Find(err, classify.NetDHCPTimeout) == nil || name != "find" && name != "leaves" && !errors.Is(err, original) {
			t.Errorf("%s: the error is %v; want the one that was raised", name, err)
		}
	}
	s := newState(nil)
	s.L.Get(lua.GlobalsIndex).(*lua.LTable).RawSetString("e", s.ErrorValue(classify.WithStep(original, "network")))
	for source, want := range map[string]string{
		"return e.kind, e.class, e.step, e.attempt":                                                                                       "net.dhcp.timeout retry network 0",
		"return e:is('net'), e:is('net.dhcp'), e:is('network'), e:is('power')":                                                            "true true false false",
		"return e:console('No space'), e:console('(%a+) left'), e:console('panic')":                                                       "No space space nil",
		"return tostring(e), e.message, 'x: ' .. e == e, e ~= errors.fatal('no lease')":                                                   "no lease no lease true true",
		"return errors.fatal('x', e).class, errors.retryable('x').class":                                                                  "fatal retry",
		"return errors.new{kind = 'lab.fixture', message = 'm', class = 'fatal'}.kind":                                                    "lab.fixture",
		"return #errors.join(e, 'x'):leaves(), type(e), e:find('usage')":                                                                  "2 userdata nil",
		"return errors.is(e, 'net'), errors.find(e, 'net') == e, #errors.chain(e:wrap('x')), #errors.leaves(e), errors.is('text', 'net')": "true true 4 1 false",
		"return errors.classify(e)":                                      "retry retry",
		"return errors.classify(errors.fatal('x', e))":                   "fatal fatal",
		"return errors.classify('text')":                                 "retry unknown",
		"return errors.classify(select(2, pcall(error, { code = 1 })))":  "retry unknown",
		"return errors.retryable('cannot', 'text').message":              "cannot: text",
		"return select(2, pcall(function() return e.knid end)).message":  "test.lua:1: err: an error has no knid; did you mean kind?",
		"return select(2, pcall(errors.new, {kidn = 'x'})).message":      " errors.new: unknown option kidn; did you mean kind?",
		"return select(2, pcall(function() errors.fatal() end)).message": "test.lua:1: errors.fatal: argument 1, the message, is missing",
		"return select(2, pcall(function() e.is('net') end)).message":    "call it with a colon: err:is(…), not err.is(…)",
	} {
		if got, err := eval(t, s, source); err != nil || got != want {
			t.Errorf("%s\n\t= %s, %v; want %s", source, got, err, want)
		}
	}
}

func TestWhatScriptsRaise(t *testing.T) {
	for source, want := range map[string]struct {
		rule classify.Rule
		kind classify.Kind
		text string
	}{
		"error('no lease')":         {classify.RuleUnknown, classify.Unknown, "test.lua:1: no lease"},
		"error({message = 'x'})":    {classify.RuleUnknown, classify.Unknown, "a table was raised: x"},
		"error()":                   {classify.RuleUnknown, classify.Unknown, "a nil was raised"},
		"assert(false, 'no lease')": {classify.RuleUnknown, classify.Unknown, "no lease"},
		"local x; x.y = 1":          {classify.RuleFatal, classify.ScriptFault, "test.lua:1: attempt to index"},
		"local x; x()":              {classify.RuleFatal, classify.ScriptFault, "test.lua:1: attempt to call"},
		"return 1 + {}":             {classify.RuleFatal, classify.ScriptFault, "test.lua:1: attempt to perform arithmetic on a table value"},
		"nope = 1":                  {classify.RuleFatal, classify.ScriptFault, `undeclared global "nope"`},
		"return prnt":               {classify.RuleFatal, classify.ScriptFault, `undeclared global "prnt"; did you mean print?`},
		"local ok, e = pcall(function() local x; x() end); error(e, 0)": {classify.RuleFatal, classify.ScriptFault, "attempt to call"},
		"error(errors.fatal('wrong fixture'))":                          {classify.RuleFatal, "", "wrong fixture"},
		"error(errors.retryable('flaky'))":                              {classify.RuleRetry, "", "flaky"},
		"local function f() return f() + 1 end f()":                     {classify.RuleLimit, classify.ScriptLimit, "stack overflow"},
		"local function f() pcall(f) error('x') end f()":                {classify.RuleLimit, classify.ScriptLimit, "protected calls"},
		"pcall(function() return ('x'):rep(1e11) end)":                  {classify.RuleLimit, classify.ScriptLimit, "string.rep"},
	} {
		_, err := eval(t, newState(nil), source)
		d := (&classify.Classifier{}).Decide(nil, err)
		if f := classify.Facts(d.Err); err == nil || d.Rule != want.rule || f.Kind != want.kind || !strings.Contains(d.Err.Error(), want.text) {
			t.Errorf("%s\n\t%v by %s, kind %s; want %q by %s, %s", source, d.Err, d.Rule, f.Kind, want.text, want.rule, want.kind)
		}
	}
}

// TestWhatBecomesOfFaults holds that a fault stays a fault however it is caught, and that no pcall catches a
// limit.
func TestWhatBecomesOfFaults(t *testing.T) {
	for source, want := range map[string]classify.Kind{
		"local x; return x.y": classify.ScriptFault,
		"local ok, e = pcall(function() local x; return x.y end); error(e, 0)":                                classify.ScriptFault,
		"assert(pcall(function() local x; return x.y end))":                                                   classify.ScriptFault,
		"assert(coroutine.resume(coroutine.create(function() local x; return x.y end)))":                      classify.ScriptFault,
		"local ok, e = coroutine.resume(coroutine.create(function() local x; return x.y end)); error(e, 0)":   classify.ScriptFault,
		"coroutine.wrap(function() local x; return x.y end)()":                                                classify.ScriptFault,
		"coroutine.resume(coroutine.create(function() return ('x'):rep(2^25) end))":                           classify.ScriptLimit,
		"coroutine.resume(coroutine.create(function() local function f() return 1 + f() end return f() end))": classify.ScriptLimit,
		"local e = errors.fatal('x'); for i = 1, 30 do e = errors.join(e, e) end return tostring(e)":          classify.ScriptLimit,
		"return json.decode('[' .. ('{},'):rep(1000000) .. '{}]')":                                            classify.ScriptLimit,
		"local r = {}; for i = 1, 3 do r[i] = { parent = r } end return json.encode(r)":                       classify.ScriptArgument,
		"local x = { 1, 2, 3 }; for i = 1, 26 do x = { x, x } end return json.encode(x)":                      classify.ScriptArgument,
		"return json.encode({ 1, nil, 3 })":                                                                   classify.ScriptArgument,
		"error('a text')":                                                                                     "",
		"assert(nil, 'a text')":                                                                               "",
		"local ok, e = coroutine.resume(coroutine.create(function() error('a text') end)); error(e, 0)":       "",
	} {
		if _, err := eval(t, newState(nil), source); err == nil || classify.Facts(err).Kind != want {
			t.Errorf("%s\n\t%v is of kind %q; want %q", source, err, classify.Facts(err).Kind, want)
		}
	}
}
