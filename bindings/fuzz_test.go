package bindings

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

// FuzzBridge sends random values from Lua to Go and back: JSON of them does not change, and a value that is
// raised, caught and raised again is the same error with the same class.
func FuzzBridge(f *testing.F) {
	for _, s := range []string{`nil`, `true`, `1.5`, `"text"`, `{1, "two", {x = {}}}`, `{a = {b = {1, 2}}, ["c d"] = false}`, `errors.fatal("x")`, `print`, `{1, nil, 3}`, `"\0\255"`, `0/0`, `math.huge`, `{[1.5] = 1}`, `{[true] = 1}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		if strings.ContainsAny(expr, "\n\r") || len(expr) > 300 || strings.Contains(expr, "--") {
			return
		}
		h := newHost(sourceNamed("test.lua", ""), Options{})
		got, err := h.eval(t.Context(), fmt.Sprintf(`
			local ok, v = pcall(function() return %s end)
			if not ok then return "not a value" end
			local ok1, text = pcall(json.encode, v)
			if ok1 and v ~= nil then
				local again = json.encode(json.decode(text))
				if again ~= text then return "JSON: " .. text .. " became " .. again end
			end
			local ok2, e = pcall(error, v)
			local ok3, e2 = pcall(error, e, 0)
			if ok2 or ok3 or (e2 ~= e and e == e) then return "raised again, it is another" end
			return "fine"`, expr))
		var own *classify.Error
		if err != nil && !errors.As(err, &own) || err == nil && got != "fine" && got != "not a value" {
			t.Errorf("%s through the bridge = %q, %v; want fine", expr, got, err)
		}
		if k := classify.Facts(err).Kind; k == classify.Internal {
			t.Errorf("%s through the bridge = %v, of kind internal; want another kind", expr, err)
		}
	})
}

// FuzzPolicy loads and checks random policies: each loads, or is refused by an error with a kind and the file's
// name.
func FuzzPolicy(f *testing.F) {
	for _, s := range []string{
		`targets = { disk = "/dev/vda" }, boot = "x"`, `limits = { total = "1h", retries = -1 }`, `uboot = { prompt = { "a", 1 } }`, `files = { k = { "x", 1e99 } }`,
		`net = { address = "1.2.3.4/33" }`, `console = { baud = 0/0 }`, `linux = 7`, `targets = { [1] = "x" }`, `power_after = { success = {} }`, `console = { aborts = { x = 1 } }`, `flash = function() end, limits = { jitter = 2 }`,
		`name = ("x"):rep(1e6), boot = 1`, `uboot = setmetatable({}, { __index = function() error("x") end })`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, table string) {
		if len(table) > 500 {
			return
		}
		src := source{name: "fuzz.lua", text: []byte("return {" + table + "}"), dir: ""}
		s, err := load(src, Options{})
		if err == nil {
			if ferr := s.Policy.CheckLimits(); ferr != nil && classify.Facts(ferr).Kind != classify.ConfigPlan {
				t.Errorf("CheckLimits of %s = %v; want none, or one of kind config.plan", table, ferr)
			}
			return
		}
		if classify.Find(err, classify.Internal) != nil || err.Error() == "" {
			t.Errorf("load of %s = %v; want a policy, or an error with a text that is no bug", table, err)
		}
	})
}
