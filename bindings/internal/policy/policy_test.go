package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/transport"
)

// decode decodes the policy that a text returns, with the operator's settings.
func decode(t *testing.T, text string, set map[string]string) (Result, error) {
	t.Helper()
	s := vm.New()
	lua51.Open(s)
	library := s.L.NewTable() // in the place of a default sequence
	library.RawSetString("flash", s.L.NewFunction(func(*lua.LState) int { return 0 }))
	s.L.SetGlobal("require", s.Function("require", 0, func(*vm.Args) ([]lua.LValue, error) { return vm.Ret(library) }))
	c, err := lua51.Compile("board.lua", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	results, err := s.Call(t.Context(), s.L.NewFunctionFromProto(c.Proto))
	if err != nil {
		t.Fatal(err)
	}
	r := Reader{State: s, Where: func(file, key string) string { return file + ":" + key }, Secrets: console.NewSecrets()}
	return r.Policy(t.Context(), Input{
		Table: results[0].(*lua.LTable), File: "board.lua", Name: "bench", Set: set,
		Session: func(*engine.Session) (session, job lua.LValue) { return lua.LString("session"), lua.LString("job") },
	})
}

func TestSettings(t *testing.T) {
	got, err := decode(t, `return { uboot = { password = "hunter2" }, flash = function() end }`, map[string]string{"linux.timeout": "7m"})
	if err != nil {
		t.Fatal(err)
	}
	if p := got.Policy; p.Name != "bench" || p.UBoot.Password != "hunter2" || p.Linux.Timeout != 7*time.Minute {
		t.Errorf("the policy is %+v; want the values of the table and the settings", p)
	}
	if !got.Own["flash"] || got.Own["classify"] || got.Own["backoff"] {
		t.Errorf("Own = %v; want flash alone", got.Own)
	}
	values := map[string]string{}
	for _, s := range got.Settings {
		values[s.Key] = fmt.Sprint(s.Value)
	}
	for key, want := range map[string]string{"uboot.password": "********", "linux.timeout": "7m0s", "name": "bench"} {
		if values[key] != want {
			t.Errorf("setting %s = %q; want %q", key, values[key], want)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		table string
		set   map[string]string
		kind  classify.Kind
		want  string
	}{
		{`{ flash = 1 }`, nil, classify.ConfigPolicy, "board.lua:flash: flash must be a function, not a number"},
		{`{ uboot = { promt = "x" } }`, nil, classify.ConfigPolicy, "board.lua:uboot.promt: uboot.promt is not a policy key; did you mean prompt?"},
		{`{ flash = function() end }`, map[string]string{"limits.jitter": "2"}, classify.ConfigPolicy, "--set: limits.jitter must be between 0 and 1"},
		{`{ flash = function() end }`, map[string]string{"limits.jiter": "0"}, classify.Usage, "there is no policy key limits.jiter; did you mean limits.jitter?"},
	} {
		_, err := decode(t, "return "+tt.table, tt.set)
		if err == nil || !strings.Contains(err.Error(), tt.want) || classify.Facts(err).Kind != tt.kind {
			t.Errorf("Policy(%s) with %v = %v, kind %s; want %s, kind %s", tt.table, tt.set, err, classify.Facts(err).Kind, tt.want, tt.kind)
		}
	}
}

// TestAllMistakes holds that one decoding finds every wrong key, sorted by line, and that no mistake follows from
// another one.
func TestAllMistakes(t *testing.T) {
	const text = `return {
		uboot = { promt = "x", timeout = 5, keys = true },
		linux = { prompt = {}, user = 7 },
		console = 5, boot = 1, tested = {},
		files = { kernel = "Image", ["a b"] = { "x", 1 }, dtb = { "dtb", 0.5 } },
		targets = { emmc = { pth = "/dev/x" }, usd = "dev/x", ok = "/dev/sda" }, default_target = "okk",
		limits = { jitter = 3, retries = -1 },
		power_after = { success = "up" }, net = { gateway = "10.0.0.1", address = "x" },
	}`
	_, err := decode(t, text, map[string]string{"limits.total": "7", "power.of_time": "1s"})
	var wrong *Mistakes
	if !errors.As(err, &wrong) {
		t.Fatalf("Policy() = %v; want mistakes", err)
	}
	var keys []string
	for _, m := range wrong.All {
		keys = append(keys, m.Key)
	}
	slices.Sort(keys)
	want := []string{
		"boot", "console", "files.a b", "files.dtb", "files.kernel", "limits.jitter", "limits.retries", "limits.total", "linux.prompt",
		"linux.user", "net.address", "power.of_time", "power_after.success", "targets.emmc.pth", "targets.usd", "tested", "uboot.keys",
		"uboot.promt", "uboot.timeout",
	}
	if !slices.Equal(keys, want) {
		t.Errorf("mistakes are in %q; want %q", keys, want)
	}
	if all := wrong.Unwrap(); len(all) != maxShown+1 || !strings.Contains(all[maxShown].Error(), "and 9 more") {
		t.Errorf("Unwrap() = %q; want %d errors, and the number of the others", all, maxShown)
	}
	if p := wrong.Partial.Policy; p == nil || p.Console.Line.Baud != transport.DefaultBaud || p.Targets["ok"].Path != "/dev/sda" {
		t.Errorf("Partial.Policy = %+v; want the right values, and defaults for the others", p)
	}
}

// TestMistakesAreSorted holds the order: the file's lines, then other files, then the operator's settings.
func TestMistakesAreSorted(t *testing.T) {
	d := newDecoder(Reader{}, "b.lua")
	for _, where := range []string{"--set", "b.lua", "a.lua:1", "b.lua:10", "b.lua:9"} {
		d.addMistake(where, where, classify.New(classify.ConfigPolicy, "%s", where))
	}
	const want = "b.lua:9\nb.lua:10\nb.lua\na.lua:1\n--set"
	if got := d.err(Result{}).Error(); got != want {
		t.Errorf("mistakes are %q; want %q", got, want)
	}
}

// TestPacing: the pacing of U-Boot and Linux is the console's unless the section has a key of its own, "0s" included.
func TestPacing(t *testing.T) {
	for keys, want := range map[string][2]*console.Pacing{
		`console = { delay = "5ms", chunk = 2 }`:                                               {nil, nil},
		`uboot = { delay = "5ms" }`:                                                            {{Delay: 5 * time.Millisecond}, nil},
		`console = { delay = "5ms", chunk = 1 }, linux = { delay = "0s" }`:                     {nil, {Chunk: 1}},
		`console = { delay = "5ms", chunk = 1 }, uboot = { chunk = 8 }, linux = { chunk = 1 }`: {{Chunk: 8, Delay: 5 * time.Millisecond}, {Chunk: 1, Delay: 5 * time.Millisecond}},
		`uboot = { chunk = 1, delay = "100ms" }, linux = { chunk = 0, delay = "0s" }`:          {{Chunk: 1, Delay: 100 * time.Millisecond}, {}},
	} {
		got, err := decode(t, "return { flash = function() end, "+keys+" }", nil)
		if err != nil {
			t.Errorf("Policy(%s) = %v; want nil", keys, err)
			continue
		}
		for i, p := range []*console.Pacing{got.Policy.UBoot.Pacing, got.Policy.Linux.Pacing} {
			if (p == nil) != (want[i] == nil) || p != nil && *p != *want[i] {
				t.Errorf("pacing %d of %s = %+v; want %+v", i, keys, p, want[i])
			}
		}
	}
}

func TestFunctions(t *testing.T) {
	got, err := decode(t, `return {
		flash = function(session, job) error(session .. " and " .. job) end,
		classify = function(err, next) return next(err) end,
		backoff = function(n) return n .. "s" end,
	}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := got.Policy
	if err := p.Flash(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "session and job") {
		t.Errorf("Flash = %v; want the error of the script with both arguments", err)
	}
	lost := errors.New("lost")
	class, err := p.Classify(t.Context(), lost, func(err error) classify.Class {
		if err != lost {
			t.Errorf("next(%v); want %v", err, lost)
		}
		return classify.Fatal
	})
	if class != classify.Fatal || err != nil {
		t.Errorf("Classify = %s, %v; want fatal", class, err)
	}
	if wait, err := p.Backoff(t.Context(), 3, lost, nil); wait != 3*time.Second || err != nil {
		t.Errorf("Backoff(3) = %s, %v; want 3s", wait, err)
	}
}

// TestSetAborts: an operator's setting switches a built-in abort off, or on again, in the table of the policy.
func TestSetAborts(t *testing.T) {
	const text = `return { console = { aborts = { ["DDR init failed"] = "no memory", panic = false } }, flash = function() end }`
	for _, tt := range []struct {
		text string
		set  map[string]string
		want string // the disabled ones, and how many are added; or the error
	}{
		{text, nil, "[panic] 1"},
		{text, map[string]string{"console.aborts.panic": "true"}, "[] 1"},
		{`return { flash = function() end }`, map[string]string{"console.aborts.reset": "false"}, "[reset] 0"},
		{text, map[string]string{"console.aborts.reset": "no"}, `--set: console.aborts.reset must be true or false, not "no"`},
		{text, map[string]string{"console.aborts.rest": "false"}, "--set console.aborts.rest=…: there is no policy key console.aborts.rest"},
	} {
		r, err := decode(t, tt.text, tt.set)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			w := r.Policy.Console.Watch
			got = fmt.Sprint(w.Disable, len(w.Add))
		}
		if !strings.HasPrefix(got, tt.want) {
			t.Errorf("decode(%s, %v) = %s; want %s", tt.text, tt.set, got, tt.want)
		}
	}
}
